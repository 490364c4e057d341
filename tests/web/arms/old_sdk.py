"""Run by test_sdk.py with nothing on its path but the old SDK: calls actions with it and prints what it read.

Standard input: {"endpoint", "key", "secret", "calls": [[method, name of the request, its fields]]}. Standard output:
one answer for each call, or {"error": code}.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def main() -> None:
    from alibabacloud_arms20190808 import models
    from alibabacloud_arms20190808.client import Client
    from alibabacloud_tea_openapi.models import Config

    asked = json.load(sys.stdin)
    config = Config(access_key_id=asked["key"], access_key_secret=asked["secret"], endpoint=asked["endpoint"])
    config.protocol = "HTTP"
    client = Client(config)
    assert client._signature_algorithm == "v2", "this SDK does not sign with HMAC-SHA1"
    answers: list[dict[str, Any]] = []
    for method, name, fields in asked["calls"]:
        try:
            answers.append(getattr(client, method)(getattr(models, name)(**fields)).body.to_map())
        except Exception as error:
            answers.append({"error": getattr(error, "code", "") or repr(error)})
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
