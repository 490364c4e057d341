"""The one question that GoAlert is asked, and its answers.

It names fields that GoAlert has had for years and still has, so that old and new servers answer it. An API key of
GoAlert's belongs to one query: whoever makes the key pastes this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

OPERATION = "TocsinImport"
QUERY = """\
query TocsinImport(
  $users: String = ""
  $services: String = ""
  $escalationPolicies: String = ""
  $rotations: String = ""
  $schedules: String = ""
) {
  users(input: { first: 100, after: $users }) {
    nodes {
      id
      name
      email
      contactMethods { id type value disabled }
      notificationRules { delayMinutes contactMethodID }
    }
    pageInfo { endCursor hasNextPage }
  }
  services(input: { first: 100, after: $services }) {
    nodes {
      id
      name
      escalationPolicyID
      maintenanceExpiresAt
      labels { key value }
      integrationKeys { name type }
      heartbeatMonitors { name timeoutMinutes }
    }
    pageInfo { endCursor hasNextPage }
  }
  escalationPolicies(input: { first: 100, after: $escalationPolicies }) {
    nodes {
      id
      name
      repeat
      steps { stepNumber delayMinutes targets { id type name } }
    }
    pageInfo { endCursor hasNextPage }
  }
  rotations(input: { first: 100, after: $rotations }) {
    nodes {
      id
      name
      type
      shiftLength
      start
      timeZone
      activeUserIndex
      userIDs
      nextHandoffTimes(num: 1)
    }
    pageInfo { endCursor hasNextPage }
  }
  schedules(input: { first: 100, after: $schedules }) {
    nodes {
      id
      name
      timeZone
      targets { target { id type name } rules { start end weekdayFilter } }
      temporarySchedules { start end }
      onCallNotificationRules { id }
    }
    pageInfo { endCursor hasNextPage }
  }
  userOverrides(input: { first: 100 }) {
    nodes { end }
  }
}
"""
CONNECTIONS = ("users", "services", "escalationPolicies", "rotations", "schedules")
"""What comes in pages; the variable of each is called after it."""
Row = Mapping[str, Any]


class Pages:
    """Nodes by connection, out of one answer or several."""

    def __init__(self) -> None:
        self.nodes: dict[str, list[Row]] = {}
        self.cursors: dict[str, str] = {}
        """Behind which there is more, of the connections that have more."""

    def add(self, answer: Any) -> None:
        """ValueError says what is wrong: errors that GoAlert tells, or another form."""
        if not isinstance(answer, Mapping):
            raise ValueError("an object with data is wanted: what GoAlert answers to `tocsin import goalert --query`")
        if errors := answer.get("errors"):
            texts = [str(one.get("message")) for one in errors if isinstance(one, Mapping)]
            raise ValueError(f"GoAlert says: {'; '.join(texts) or errors}")
        data = answer.get("data", answer)
        if not isinstance(data, Mapping) or not any(name in data for name in CONNECTIONS):
            raise ValueError(f"there is nothing of GoAlert's in it; it has {', '.join(CONNECTIONS)}")
        is_first = not self.nodes
        for name in (*CONNECTIONS, "userOverrides"):
            if name not in data or (not is_first and name not in self.cursors):  # or it was whole already
                continue
            part = data[name] or {}
            nodes, info = part.get("nodes") or [], part.get("pageInfo") or {}
            self.nodes.setdefault(name, []).extend(_checked(name, nodes))
            self.cursors.pop(name, None)
            if info.get("hasNextPage") and info.get("endCursor"):
                self.cursors[name] = str(info["endCursor"])


def _checked(name: str, nodes: Iterable[Any]) -> Iterable[Row]:
    for number, node in enumerate(nodes, start=1):
        if not isinstance(node, Mapping) or (name in CONNECTIONS and not (node.get("id") and node.get("name"))):
            raise ValueError(f"{name}.nodes[{number}] has no id or no name")
        yield node
