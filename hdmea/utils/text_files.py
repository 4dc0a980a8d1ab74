"""Text and JSON files that someone else may have written: read whole, or refused in our words.

A named pipe would be waited for until something is written to it, a device never ends, and a parser meets
numbers of a million digits and brackets a million deep: all of that is refused here, in one place.
"""

from __future__ import annotations

import json
import logging
import os
import re
import stat
from pathlib import Path
from typing import Any

from hdmea.utils.exceptions import ConfigurationError, HDMEAError, MissingFileError
from hdmea.utils.fixes import Advice, ChooseFile, Either
from hdmea.utils.notices import fix_of, reason_of

__all__ = [
    "parse_json",
    "read_bytes",
    "read_json",
    "read_options",
    "read_text",
    "regular_size",
    "setting",
    "settings_path",
    "stored_dict",
    "stored_list",
]

logger = logging.getLogger(__name__)

_MOST_NBYTES = 64 << 20
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_CORRECT = Advice("Correct the file, or choose another one.")


def regular_size(path: Path, what: str = "file", parameter: str = "") -> int:
    """Return the size of a file.

    Parameters
    ----------
    path
        The file.
    what
        What it is, as it follows "the".
    parameter
        Name of the parameter by which it can be chosen.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ConfigurationError
        If it is a folder, a pipe, a device or cannot be asked about.
    """
    fix = ChooseFile(parameter) if parameter else _CORRECT
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise MissingFileError(
            f"The {what} {path} does not exist.", path=path, parameter=parameter, fix=fix
        ) from None
    except ValueError as error:
        raise ConfigurationError(f"{str(path)!r} cannot be the name of a file.", fix=_CORRECT) from error
    except OSError as error:
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "not a regular file"
        raise ConfigurationError(
            f"{path} is {kind}.", path=path, parameter=parameter, fix=Advice("Choose a file.")
        )
    return found.st_size


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a small file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ConfigurationError
        If it is not a file, cannot be read, or is larger than 64 MB.
    """
    if regular_size(path) > _MOST_NBYTES:
        raise ConfigurationError(f"{path} is far too large for its kind.", path=path, fix=_CORRECT)
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def read_text(path: Path) -> str:
    """Return what a text file contains, without a byte order mark.

    Raises
    ------
    FileNotFoundError, ConfigurationError
        As of `read_bytes`; ConfigurationError also if it is not encoded as UTF-8.
    """
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{path} is not encoded as UTF-8.", path=path, fix=Advice("Save it as UTF-8 text.")
        ) from error


def read_json(path: Path) -> Any:
    """Return what a JSON file contains.

    Raises
    ------
    FileNotFoundError, ConfigurationError
        As of `read_text`; ConfigurationError also if it is not JSON text.
    """
    try:
        return parse_json(read_text(path))
    except ValueError as error:
        raise ConfigurationError(f"{path} is not JSON text: {error}.", path=path, fix=_CORRECT) from error


def read_options(path: Path) -> dict[str, Any]:
    """Return the options in a YAML or JSON file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ConfigurationError
        If it cannot be read, or does not hold names and values.
    """
    import yaml

    try:
        found = yaml.safe_load(read_text(path))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        found = error
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise ConfigurationError(
            f"{path} does not hold options.",
            path=path,
            fix=Advice("Write one “name: value” per line, such as “width_mm: 89”."),
        )
    return found


def parse_json(text: str) -> Any:
    """Return what a JSON text contains.

    Raises
    ------
    ValueError
        If it is not one, is nested too deeply, or has a number with too many digits or a text that is not
        Unicode; says where if known.
    """
    try:
        found = json.loads(text)
        if _SURROGATE.search(text):
            # Half of a pair cannot be shown, printed or stored.
            json.dumps(found, ensure_ascii=False).encode()
        return found
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except UnicodeEncodeError as error:
        raise ValueError("a text in it is not Unicode") from error
    except ValueError as error:
        raise ValueError("a number has too many digits") from error


def settings_path() -> Path:
    """Return where the settings of this user are, which the window writes and everything reads."""
    import platformdirs

    return Path(platformdirs.user_config_dir("hdmea-studio", appauthor=False)) / "settings.json"


def setting(name: str) -> Any:
    """Return one of the settings, None where it is not set or the file cannot be read."""
    path = settings_path()
    # Of a folder that may not be entered this says False, and `Path.exists` raises.
    if not os.path.exists(path):
        return None
    try:
        found = read_json(path)
    except HDMEAError as error:
        logger.warning("The settings in %s could not be read: %s", path, error)
        return None
    return found.get(name) if isinstance(found, dict) else None


def stored_dict(text: Any) -> dict[str, Any] | None:
    """Return the dictionary that a result file stores as JSON text, None if it is not one."""
    found = _stored(text)
    return found if isinstance(found, dict) else None


def stored_list(text: Any) -> list[Any] | None:
    """Return the list that a result file stores as JSON text, None if it is not one."""
    found = _stored(text)
    return found if isinstance(found, list) else None


def _stored(text: Any) -> Any:
    try:
        return parse_json(str(text))
    except ValueError:
        return None


def _unreadable(path: Path, error: OSError) -> ConfigurationError:
    fix = Either((fix_of(error), _CORRECT))
    return ConfigurationError(f"{path} cannot be read: {reason_of(error)}.", path=path, fix=fix)
