"""
Secrets, each the content of one small file that nobody else may read.

What a fault says names the file and the remedy, never the content.
"""

import os
import stat
from pathlib import Path

from levibotd.errors import ConfigError

SECRET_NAMES = (
    "telegram_api",
    "telegram_session",
    "telegram_bot_token",
    "exchange_api",
    "api_keys",
    "totp",
    "log_key",
    "s3",
    "redis",
    "news_llm",
)
SECRET_BYTES_MAX = 65536


def secret_in(file: Path, *, guarded: bool) -> str | None:
    """
    Return the secret that `file` holds, None where there is none.

    A `guarded` one is refused when it is open to others. Raises ConfigError; also for a file that is empty, too large,
    no plain file or no text.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(
            f"{file}: cannot be read: {error.strerror}; make it a plain file the daemon may read"
        ) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"{file}: not a plain file; put the secret into one")
        if guarded and status.st_mode & 0o077:
            raise ConfigError(f"{file}: open to others (mode {status.st_mode & 0o777:04o}); chmod 600 {file}")
        content = os.read(descriptor, SECRET_BYTES_MAX + 1)
    finally:
        os.close(descriptor)
    if len(content) > SECRET_BYTES_MAX:
        raise ConfigError(f"{file}: larger than {SECRET_BYTES_MAX} bytes; this is no secret")
    try:
        secret = content.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: not UTF-8 text; write the secret as text") from None
    if not secret:
        raise ConfigError(f"{file}: empty; write the secret into it or remove the file")
    return secret
