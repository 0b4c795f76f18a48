"""Several workers: who they are, and that they train what one does.

`make test-workers` has more.
The workers are processes of their own, in a network of their own.
"""

import json

import pytest

from kdae.errors import UserError
from kdae.workers import Workers, workers_from_environment


def environment(monkeypatch: pytest.MonkeyPatch, tree: object) -> Workers:
    text = tree if isinstance(tree, str) else json.dumps(tree)
    monkeypatch.setenv("TF_CONFIG", text)
    return workers_from_environment()


def test_who_the_workers_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    alone = workers_from_environment()
    assert alone == Workers() and alone.is_chief and not alone.several
    assert environment(monkeypatch, {}) == alone
    cluster = {"worker": ["a:1", "b:1"]}
    second = environment(
        monkeypatch, {"cluster": cluster, "task": {"type": "worker", "index": 1}}
    )
    assert second == Workers(("a:1", "b:1"), 1)
    assert second.several and not second.is_chief
    with_chief = {"worker": ["a:1", "b:1"], "chief": ["c:1"]}
    task = {"type": "chief", "index": 0}
    assert environment(monkeypatch, {"cluster": with_chief, "task": task}).is_chief
    task = {"type": "worker", "index": "1"}  # a string, as some schedulers write it
    last = environment(monkeypatch, {"cluster": with_chief, "task": task})
    assert last == Workers(("c:1", "a:1", "b:1"), 2)
    single = environment(
        monkeypatch, {"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}
    )
    assert not single.several


@pytest.mark.parametrize(
    "tree",
    [
        "worker 1",
        "[]",
        {"cluster": {"worker": ["a:1", "b:1"]}},
        {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}},
        {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": -1}},
        {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "chief", "index": 0}},
        {"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "ps", "index": 0}},
        {"cluster": {"chief": ["a:1", "b:1"]}, "task": {"type": "chief", "index": 0}},
    ],
)
def test_a_config_that_names_no_workers(monkeypatch: pytest.MonkeyPatch, tree: object) -> None:
    with pytest.raises(UserError, match=r"^TF_CONFIG: expected.* got "):
        environment(monkeypatch, tree)


def test_an_address_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    task = {"type": "worker", "index": 1}
    with pytest.raises(UserError, match="an address per worker, got one twice"):
        environment(monkeypatch, {"cluster": {"worker": ["a:1", "a:1"]}, "task": task})


def test_alone_nothing_is_exchanged() -> None:
    with Workers().together():
        pass
    assert Workers().told(None, [1.5, 2.0]).tolist() == [1.5, 2.0]
