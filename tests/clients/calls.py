"""Prints, for `run`, whether a call of a client passes."""

import json


def call(client, name, attempt):
    """Makes the call and returns what it gave; a call that raises an error fails."""
    error = answer = None
    try:
        answer = attempt()
    except Exception as failure:
        error = f"{type(failure).__name__}: {failure}"[:300]
    print(json.dumps({"client": client, "call": name, "error": error}), flush=True)
    return answer
