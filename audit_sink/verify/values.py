"""Values that their entries only digest."""

from hashlib import sha256

from audit_sink.notary.shelves import blob_path
from audit_sink.verify.report import Report
from audit_sink.verify.sources import Files


async def check_value(files: Files, report: Report, index: int, digest: bytes, length: int) -> None:
    """Whether the value of an entry is in the log's files."""
    check = report.check("values")
    check.compared += 1
    data = await files.get(blob_path(digest))
    if data is None:
        check.fail(f"the value of entry {index} is not there", index)
    elif (sha256(data).digest(), len(data)) != (digest, length):
        check.fail(f"the value of entry {index} is another", index)
