"""Write the SmartResponse plugin for LogRhythm: a file to import, and beside it the folder to create it from."""

from __future__ import annotations

import argparse
from pathlib import Path

from producers.smart_response.bundle.definition import Target, actions_xml
from producers.smart_response.bundle.package import package
from workers.errors import InputError

_README = """\
ThreatQ SmartResponse plugin for LogRhythm, version {version}

The six actions run these commands on the Platform Manager: {scripts_dir}
Another Python folder needs another plugin: tqctl srp-bundle --scripts-dir <folder> --out ThreatQ.lpi

Import: Deployment Manager > Tools > Administration > SmartResponse Plugin Manager > Actions > Import.
Or create it from the folder that holds this file and actions.xml.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `tqctl srp-bundle`."""
    parser.add_argument(
        "--scripts-dir",
        required=True,
        help=r"folder of the commands on the Platform Manager, such as C:\Python36\Scripts",
    )
    parser.add_argument("--out", type=Path, default=Path("ThreatQ.lpi"), help="file to write (%(default)s)")
    parser.add_argument(
        "--plugin-version",
        type=int,
        default=1,
        help="raise it when a console holds an older one (%(default)s)",
    )
    parser.add_argument(
        "--time-zone", default="UTC", help="Windows name of the alarm dates' zone (%(default)s)"
    )


def run(_shell: object, options: argparse.Namespace) -> int:
    """Write the file and the folder; raises InputError when that is not possible."""
    out: Path = options.out
    if out.suffix != ".lpi":
        raise InputError(f"{out} does not end in .lpi, which LogRhythm's console asks for", field="--out")
    target = Target(options.scripts_dir, options.plugin_version, options.time_zone)
    files = source(target)
    folder = out.with_suffix("")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        out.write_bytes(package(files))
    except OSError as error:
        raise InputError(f"{error.filename} cannot be written ({error.strerror})", field="--out") from error
    print(f"Written: {out} (to import) and {folder} (to create the plugin from).")
    print(
        "In LogRhythm: Deployment Manager > Tools > Administration > SmartResponse Plugin Manager > Actions."
    )
    return 0


def source(target: Target) -> dict[str, bytes]:
    """Return the plugin's source folder: file name -> content."""
    readme = _README.format(version=target.version, scripts_dir=target.scripts_dir)
    # Notepad on an older Windows server wants these line ends.
    return {"actions.xml": actions_xml(target), "README.txt": readme.replace("\n", "\r\n").encode()}
