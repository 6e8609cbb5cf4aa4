"""What the audit log tells of; closed, so that whoever reads it knows what he can look for."""

from enum import StrEnum


class Action(StrEnum):
    """What somebody did, or tried to."""

    CLAIM = "claim"
    REGISTER = "register"
    SIGN_IN = "sign_in"
    REFRESH = "refresh"
    REFRESH_REUSE = "refresh_reuse"
    APP_KEY_USE = "app_key_use"
    SESSION_END = "session_end"
    SIGN_OUT = "sign_out"
    SIGN_OUT_EVERYWHERE = "sign_out_everywhere"
    PASSWORD_CHANGE = "password_change"  # noqa: S105 - no password
    EMAIL_CHANGE = "email_change"
    ROLES_CHANGE = "roles_change"
    QUOTA_CHANGE = "quota_change"
    ACCOUNT_ADD = "account_add"
    ACCOUNT_ENABLE = "account_enable"
    ACCOUNT_DISABLE = "account_disable"
    ACCOUNT_DELETE = "account_delete"
    APP_KEY_MAKE = "app_key_make"
    APP_KEY_REVOKE = "app_key_revoke"
    INVITE_MAKE = "invite_make"
    INVITE_WITHDRAW = "invite_withdraw"
    MEMBER_PUT = "member_put"
    MEMBER_REMOVE = "member_remove"
    LIBRARY_MAKE = "library_make"
    LIBRARY_RENAME = "library_rename"
    LIBRARY_SYNC = "library_sync"
    LIBRARY_DELETE = "library_delete"
    SOURCE_ADD = "source_add"
    SOURCE_REMOVE = "source_remove"
    TRASH_PURGE = "trash_purge"
    TRASH_EMPTY = "trash_empty"
    KEY_ROTATE = "key_rotate"
    KEY_RETIRE = "key_retire"
    BACKUP = "backup"
    RESTORE = "restore"
    NOT_ALLOWED = "not_allowed"
    """Anything that the account or its credential may never do."""


class Outcome(StrEnum):
    """What became of it."""

    OK = "ok"
    REFUSED = "refused"
    LIMITED = "limited"
    """Told to wait; noted once a minute for each network and account, whatever the number of attempts."""
