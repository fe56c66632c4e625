"""Logins of MLflow's server: user and password as MLflow checks them, or a token for machines.

$HARNESS_TOKENS names a file with a line for each token: the token's SHA-256 and the user that it stands for. The token
itself is kept nowhere.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from flask import Response, request
from mlflow.server.auth import authenticate_request_basic_auth, make_basic_auth_response
from werkzeug.datastructures import Authorization


def authenticate() -> Authorization | Response:
    """The user of a request, or the answer that it needs one."""
    given = request.authorization
    if given is None or given.type != "bearer":
        answer: Authorization | Response = authenticate_request_basic_auth()
        return answer
    user = _users().get(hashlib.sha256((given.token or "").encode()).hexdigest())
    if user is None:
        refusal: Response = make_basic_auth_response()
        return refusal
    return Authorization("basic", {"username": user, "password": ""})


def _users() -> dict[str, str]:
    """Who each token stands for. Read at every request: a line taken out counts at once."""
    path = os.environ.get("HARNESS_TOKENS")
    if not path or not Path(path).is_file():
        return {}
    lines = (line.split() for line in Path(path).read_text(encoding="utf-8").splitlines())
    return {found[0]: found[1] for found in lines if len(found) == 2}
