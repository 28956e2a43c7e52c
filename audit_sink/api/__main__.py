"""``python -m audit_sink.api``: serves until SIGTERM. Exit code 2: a setting is wrong."""

import sys

import uvicorn
from pydantic import ValidationError

from audit_sink.api.app import create_app
from audit_sink.api.settings import ApiSettings
from audit_sink.logs import log_json
from projections.tokens import TokenSettings


def main() -> None:
    """Serves; requests in flight are finished at the end."""
    try:
        settings, tokens = ApiSettings(), TokenSettings()
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            name = ".".join(map(str, problem["loc"]))
            print(f"{name}: {problem['msg']}" if name else problem["msg"], file=sys.stderr)  # noqa: T201
        raise SystemExit(2) from None
    log_json()
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


if __name__ == "__main__":
    main()
