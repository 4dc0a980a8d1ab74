"""What goes into a package and what stays out: used by the PyInstaller spec, the build scripts and the tests.

Needs the standard library only. ``python installer/contents.py version`` prints the version.
"""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

__all__ = [
    "EXCLUDED",
    "LIBRARIES",
    "ROOT",
    "is_dropped",
    "kernel_modules",
    "own_modules",
    "project_metadata",
    "resources",
    "version",
    "write_metadata",
]

ROOT = Path(__file__).resolve().parents[1]

# What "About" says the versions of, and a report of a problem.
LIBRARIES = ("PySide6-Essentials", "pyqtgraph", "numpy", "h5py", "scipy", "numba", "pandas", "pydantic")

# Imported by name in a string, or from C: analysis of the source does not see them.
HIDDEN = (
    *("numba._devicearray", "pyarrow", "pyarrow.parquet", "openpyxl.cell", "openpyxl.styles", "yaml"),
    *("pynwb", "pynwb.device", "pynwb.epoch", "pynwb.misc", "hdmf.common", "hdmf.data_utils"),
    *(
        "matplotlib.backends.backend_agg",
        "matplotlib.backends.backend_pdf",
        "matplotlib.backends.backend_svg",
    ),
)

EXCLUDED = (
    # Parts of Qt that the window does not use.
    *(f"PySide6.Qt{name}" for name in ("Concurrent", "DBus", "Designer", "Help", "Network")),
    *(f"PySide6.Qt{name}" for name in ("PrintSupport", "Qml", "Quick", "QuickControls2")),
    *(f"PySide6.Qt{name}" for name in ("QuickTest", "QuickWidgets", "Sql", "Test", "UiTools", "Xml")),
    # Other toolkits and interactive shells that libraries would use if they were there.
    *("IPython", "PyQt5", "PyQt6", "PySide2", "jupyter_rfb", "tkinter", "traitlets"),
    # Code for tests, development and installing.
    *("_pytest", "ensurepip", "hypothesis", "lib2to3", "mypy"),
    *("pip", "pydoc_data", "pytest", "setuptools", "wheel", "idlelib", "turtledemo"),
    *("h5py.tests", "numba.tests", "numpy.tests", "pandas.tests", "pyarrow.tests", "psutil.tests"),
    # Parts of libraries that nothing here reaches.
    *("numba.cuda", "pyqtgraph.examples", "pyqtgraph.jupyter", "pyqtgraph.opengl", "scipy.datasets"),
    *("pyarrow.flight", "pyarrow.orc", "pyarrow.substrait", "pyarrow.cffi", "pyarrow.jvm"),
    # The command line prints plain text.
    *("markdown_it", "pygments", "rich"),
    *("curses", "readline", "sqlite3"),
)

_DROPPED = re.compile(
    r"""(?ix)
    # Qt: what its plugins would drag in.
    PySide6/(Qt/)?(translations|qml|resources|libexec|metatypes)/
    | plugins/(sqldrivers|networkinformation|tls|qmltooling|designer|generic|virtualkeyboard|printsupport)/
    | plugins/(egldeviceintegrations|wayland-graphics-integration-server)/
    | platforms/(lib)?q(eglfs|linuxfb|vkkhrdisplay|vnc|minimal|minimalegl|direct2d|tuiotouchplugin)
    | platforminputcontexts/(lib)?qtvirtualkeyboard
    | platformthemes/libqgtk3
    | wayland-decoration-client/libadwaita
    | imageformats/(lib)?q(tga|wbmp|icns|tiff|webp|pdf)
    | (^|/)(lib)?Qt6?(Qml|Quick|Pdf|VirtualKeyboard|Sql|ShaderTools|Network|EglFs|Designer|Labs|Test)\w*
      [.](so|dll|dylib|framework)
    | (^|/)(opengl32sw|d3dcompiler_\w+)[.]dll
    # The desktop of the machine that builds.
    | (^|/)lib(gtk|gdk|atk|pango|cairo|harfbuzz|datrie|thai|fribidi|graphite2|pixman)[\w.+-]*[.]so
    | (^|/)lib(gio|gobject|gmodule|mount|blkid|selinux|krb5|k5crypto|gssapi|com_err|keyutils)[\w.+-]*[.]so
    # A second copy beside the one in scipy.libs and numpy.libs.
    | ^libscipy_openblas[\w-]*[.]dll$
    # Arrow beyond tables and Parquet, second copies of its libraries; headers and sources of libraries.
    | (^|/)(lib)?arrow_(s3|flight|python_flight)[.]
    | (^|/)arrow_substrait[.]dll$
    | (^|/)libarrow_python\w*[.]so([.]\d+[.]\d+[.]\d+)?$
    | pyarrow/_(flight|orc|substrait|gcsfs|s3fs|azurefs|hdfs|pyarrow_cpp_tests)
    | pyarrow/(include|src|tests)/
    | [.](pyx|pxd|pxi|h|hpp|lib|a)$
    | (^|/)tests?/
    """
)


def version() -> str:
    """Return the version of the program, from its one place."""
    source = (ROOT / "hdmea" / "_version.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', source, re.MULTILINE)
    if found is None:
        raise ValueError("hdmea/_version.py does not state __version__.")
    return found[1]


def own_modules() -> list[str]:
    """Return the names of all modules of the program: steps and features are found at run time."""
    names = []
    for package in ("hdmea", "hdmea_gui"):
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return sorted(names)


def kernel_modules() -> list[str]:
    """Return the modules with functions that numba compiles.

    They are shipped as source files: numba keeps compiled code by the path of its source, and takes an
    archived module's path for one below the current folder.
    """
    uses = re.compile(r"science\.compiled import (.*, )?compiled(_for)?\b")
    return [name for name in own_modules() if uses.search(_source_of(name))]


def _source_of(name: str) -> str:
    path = ROOT.joinpath(*name.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return path.read_text(encoding="utf-8")


def resources() -> list[tuple[str, str]]:
    """Return pairs of a resource file and its folder in the package."""
    root = ROOT / "resources"
    files = [path for path in sorted(root.rglob("*")) if path.is_file()]
    own = [path for path in files if path.relative_to(root).parts[0] != "desktop"]
    return [(str(path), str(path.parent.relative_to(ROOT))) for path in own]


def project_metadata() -> str:
    """Return what the program says of itself: name, version, and its addresses in ``[project.urls]``.

    "Check for updates…" opens the page under ``Releases``.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = ["Metadata-Version: 2.1", f"Name: {project['name']}", f"Version: {version()}"]
    lines += [f"Summary: {project['description']}", f"License: {project['license']}"]
    lines += [f"Project-URL: {label}, {url}" for label, url in project.get("urls", {}).items()]
    return "\n".join(lines) + "\n"


def write_metadata(folder: Path) -> list[tuple[str, str]]:
    """Write into `folder` what says which versions are in a package; return pairs of place and file.

    The program need not be installed where packages are made.
    """
    texts = {"hdmea_studio": (version(), project_metadata())}
    for name in LIBRARIES:
        found = distribution(name)
        texts[re.sub(r"[-_.]+", "_", found.metadata["Name"])] = (
            found.version,
            found.read_text("METADATA") or "",
        )
    written = []
    for name, (number, text) in texts.items():
        place = f"{name}-{number}.dist-info/METADATA"
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(text, encoding="utf-8")
        written.append((place, str(folder / place)))
    return written


def is_dropped(name: str) -> bool:
    """Return True for a library or data file that stays out, by its path in the package."""
    return _DROPPED.search(name.replace("\\", "/")) is not None


if __name__ == "__main__":
    if sys.argv[1:] != ["version"]:
        sys.exit(__doc__)
    sys.stdout.write(version() + "\n")
