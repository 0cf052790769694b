"""`file`: software, credentials and configurations that devices load (IEEE 2030.5-2018, 9.8)."""
from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any

from server import clock
from server.devices import enrolment
from server.errors import BadArgument
from server.grid.fleet import publishedfiles
from server.grid.fleet.publishedfiles import (FileDetail, FileRow, LoadProgress, PublishedFile, StatusName,
                                              WithdrawnFile)
from server.models.pages import Pages
from server.operations.declaration import Arg, Group, Role, UploadedFile
from server.operations.progress import track
from server.resources import filecontents
from server.units import Href, Instant

file = Group("file", """
    Publish software, credentials and configurations that devices load, verify and activate, and see how far
    they are. HREF is that of a File, such as /file/1.
    """)
GROUPS = (file,)
File = Annotated[Href, Arg("The file's href, such as /file/1.", metavar="HREF")]
_PEN_MOST = 2 ** 32 - 1
_FOLDERS = re.compile(r"\A.*[/\\](?=.)", re.DOTALL)  # of either kind of path, before the name


@file.operation("publish", role=Role.ADMINISTRATOR, in_parts=True)
def publish(
    file: UploadedFile,
    *,
    mf_id: Annotated[int, Arg("The maker's IANA enterprise number.", least=0, most=_PEN_MOST)],
    mf_model: Annotated[str, Arg("The model that it is for.")],
    mf_ver: Annotated[str, Arg("The version of what is in it.")],
    mf_hw_ver: Annotated[str | None, Arg("Only this version of the hardware.")] = None,
    mf_ser_num: Annotated[str | None, Arg("Only this serial number.")] = None,
    type: Annotated[str, Arg("software, credential, configuration, log, or one of the maker's: 8000 to FFFF.")
                    ] = "software",
    device: Annotated[str | None, Arg("Only this device: an LFDI, SFDI, number or name.")] = None,
    vder: Annotated[str | None, Arg("Only members of this virtual DER.")] = None,
    activate_at: Annotated[Instant | None, Arg(
        "When devices activate it; without it not until `file activate` says so.", option="activate")] = None,
    name: Annotated[str | None, Arg("What it is called in lists; by default as the file is, without folders.")
                    ] = None,
    sha256: Annotated[str | None, Arg("What its SHA-256 has to be, 64 hexadecimal digits.")] = None,
) -> PublishedFile:
    """Offer a file to devices: all of this maker and model, the members of a virtual DER, or one.

    The signature of the maker is in the file; devices verify it before they activate anything.
    """
    if device is not None and vder is not None:
        raise BadArgument("vder", "specify a device or a virtual DER, not both")
    publishedfiles.check(file.content, sha256)
    said: dict[str, Any] = {
        "type": publishedfiles.file_type(type), "mfID": mf_id, "mfModel": mf_model, "mfVer": mf_ver,
        "mfHwVer": mf_hw_ver, "mfSerNum": mf_ser_num, "activateTime": activate_at,
        "lFDI": None if device is None else enrolment.find(device).lfdi}
    content = filecontents.add(file.content, name or _FOLDERS.sub("", file.name), track)
    try:
        return publishedfiles.publish(
            content, {key: value for key, value in said.items() if value is not None}, vder)
    except BaseException:
        filecontents.discard(content)
        raise


@file.operation("list", role=Role.VIEWER)
def list_files() -> Iterator[FileRow]:
    """List the files that are offered, in the order in which devices get them."""
    return publishedfiles.list_files()


@file.operation("show", role=Role.VIEWER)
def show(file: File) -> FileDetail:
    """Show a file: where it is, its SHA-256, who may load it, and how many devices are how far."""
    return publishedfiles.show(file)


@file.operation("devices", role=Role.VIEWER)
def devices(
    file: File,
    *,
    status: Annotated[StatusName | None, Arg("Only those that are so far.")] = None,
    failed: Annotated[bool, Arg("Only those with which something failed.")] = False,
) -> Pages[LoadProgress]:
    """Show how far each device is with a file, and since when, by its FileStatus."""
    return publishedfiles.devices(file, status, failed)


@file.operation("activate", role=Role.ADMINISTRATOR)
def activate(
    file: File,
    *,
    at: Annotated[Instant | None, Arg("When; now, if not given.")] = None,
    hold: Annotated[bool, Arg("Not until it is said again.")] = False,
) -> FileDetail:
    """Say when devices activate a file that they have loaded and verified."""
    if hold and at is not None:
        raise BadArgument("hold", "specify `at` or `hold`, not both")
    return publishedfiles.activate(file, None if hold else clock.now() if at is None else at)


@file.operation("withdraw", role=Role.ADMINISTRATOR,
                confirm="Withdraw {file}, with its bytes and what devices have said of it?")
def withdraw(file: File) -> WithdrawnFile:
    """Offer a file no more. Devices that have loaded it keep it."""
    return publishedfiles.withdraw(file)
