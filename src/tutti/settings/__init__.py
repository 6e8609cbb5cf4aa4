"""Every setting, typed and checked before anything starts; the only reader of the environment.

Names are `TUTTI_` plus the path with `__`: `http.port` is `TUTTI_HTTP__PORT`. A name with `_FILE` behind it names a
file that holds the value.
"""

from tutti.settings.loading import BadSetting, load
from tutti.settings.parts import AuthSettings, LogSettings
from tutti.settings.tree import DOORS, PREFIX, Settings, names

__all__ = ["DOORS", "PREFIX", "AuthSettings", "BadSetting", "LogSettings", "Settings", "load", "names"]
