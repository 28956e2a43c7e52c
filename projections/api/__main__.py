"""``python -m projections.api``: serves the read API until SIGTERM. Exit code 2: a setting is wrong."""

import sys

import uvicorn
from pydantic import ValidationError

from projections.api.app import create_app
from projections.api.logs import configure
from projections.api.settings import Settings
from projections.tokens import TokenSettings


def main() -> None:
    """Serves; requests in flight are finished at the end."""
    try:
        settings, tokens = Settings(), TokenSettings()
    except ValidationError as error:
        print(_wrong(error), file=sys.stderr)  # noqa: T201
        raise SystemExit(2) from None
    configure()
    uvicorn.run(
        create_app(settings, tokens),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=settings.shutdown_s,
    )


def _wrong(error: ValidationError) -> str:
    """One line per wrong setting; never its value."""
    lines = []
    for each in error.errors(include_input=False, include_url=False):
        name = ".".join(str(part) for part in each["loc"])
        lines.append(f"{name}: {each['msg']}" if name else each["msg"])
    return "\n".join(lines)


if __name__ == "__main__":
    main()
