"""What the tests of the service need."""

from importlib.util import find_spec

NEEDED = ("fastapi", "uvicorn", "websockets", "prometheus_client")
collect_ignore_glob = [] if all(map(find_spec, NEEDED)) else ["*.py"]
