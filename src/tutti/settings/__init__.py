"""Every setting, typed and checked before anything starts; the only reader of the environment.

Names are `TUTTI_` plus the path with `__`: `http.port` is `TUTTI_HTTP__PORT`. A name with `_FILE` behind it names a
file that holds the value. The names of the programs that Tutti replaces stand in `bare.py`.
"""

from tutti.settings.bare import BARE_NAMES
from tutti.settings.folders import UserFolders, user_folders
from tutti.settings.loading import BadSetting, bare_remarks, load
from tutti.settings.parts import AuthSettings, LogSettings
from tutti.settings.tree import DOORS, PREFIX, Settings, names

__all__ = [
    "BARE_NAMES",
    "DOORS",
    "PREFIX",
    "AuthSettings",
    "BadSetting",
    "LogSettings",
    "Settings",
    "UserFolders",
    "bare_remarks",
    "load",
    "names",
    "user_folders",
]
