"""Several machines that train one model: their addresses, and what they exchange.

The environment variable `TF_CONFIG`, defined by TensorFlow and set by schedulers, lists all
workers and says which of them a process is. The first is the chief. It reads and writes the
run folder and broadcasts what the others need, so that they need no common disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from kdae.errors import UserError, first_line
from kdae.quiet import quiet

VARIABLE = "TF_CONFIG"
EXAMPLE = (
    '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, '
    '"task": {"type": "worker", "index": 0}}'
)
# The errors of a collective operation when another process is gone. All others, such as too
# little memory, are this process' own.
LOST = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
    tf.errors.UnknownError,
)


@dataclass(frozen=True)
class Workers:
    """All workers of a run, and which of them this process is.

    Attributes:
        addresses: `host:port` of each, the chief first; empty for this process alone.
        index: the place of this process among them, from 0.
    """

    addresses: tuple[str, ...] = ()
    index: int = 0

    @property
    def several(self) -> bool:
        """Whether there is more than one worker."""
        return len(self.addresses) > 1

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run folder."""
        return self.index == 0

    def strategy(self) -> tf.distribute.Strategy:
        """Connects to the other workers and waits until all are there.

        Each worker brings all its GPUs, or else its CPU. Must be called before TensorFlow does
        anything else.

        Raises:
            UserError: they cannot be reached.
        """
        me = f"worker {self.index + 1} of {len(self.addresses)}, {self.addresses[self.index]}"
        print(f"{me}: waiting for the others", file=sys.stderr, flush=True)
        # TensorFlow waits where Python sees no signal, and there is nothing to save yet.
        with _signals(signal.SIG_DFL), quiet():
            try:
                return tf.distribute.MultiWorkerMirroredStrategy()
            except tf.errors.OpError as error:
                raise UserError(f"{VARIABLE}: {me}: {_first_line(error)}") from error

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Surrounds a piece of work that all workers do at the same time.

        Ctrl-C and SIGTERM wait until it is done, so that the state of training is consistent.

        Raises:
            UserError: another worker is gone; the state of training may be half updated.
            KeyboardInterrupt: raised after the work, if a signal came.
        """
        if not self.several:
            yield
            return
        came: list[int] = []
        try:
            with _signals(lambda number, frame: came.append(number)):
                yield
        except LOST as error:
            raise UserError(
                f"{VARIABLE}: another worker is gone ({_first_line(error)}); start all "
                "of them again with --resume"
            ) from error
        if came:
            raise KeyboardInterrupt

    def told(
        self, strategy: tf.distribute.Strategy, values: Sequence[float] | np.ndarray
    ) -> np.ndarray:
        """Broadcasts the chief's values to every worker.

        A collective call: all workers must make it, in the same order.

        Args:
            strategy: from `strategy()`.
            values: the same number of values on every worker; only the chief's matter.

        Returns:
            The chief's values, float64.
        """
        vector = np.asarray(values, np.float64)
        if not self.several:
            return vector

        def replica(mine: tf.Tensor) -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            first = tf.equal(context.replica_id_in_sync_group, 0)
            chosen = tf.where(first, mine, tf.zeros_like(mine))
            return context.all_reduce(tf.distribute.ReduceOp.SUM, chosen)

        @tf.function(autograph=False)
        def exchange(mine: tf.Tensor) -> tf.Tensor:
            return strategy.experimental_local_results(strategy.run(replica, args=(mine,)))[0]

        with self.together():
            result: np.ndarray = exchange(tf.constant(vector)).numpy()
        return result

    def share(self, strategy: tf.distribute.Strategy, variables: Sequence[tf.Variable]) -> None:
        """Sets `variables` to the chief's values on all workers; a collective call."""
        if not self.several:
            return
        # Float64 represents every number of a model exactly, the number of steps included.
        values = [np.asarray(variable.numpy(), np.float64) for variable in variables]
        told = self.told(strategy, np.concatenate([value.ravel() for value in values]))
        ends = np.cumsum([value.size for value in values])[:-1]
        for variable, part, value in zip(variables, np.split(told, ends), values, strict=True):
            variable.assign(tf.cast(part.reshape(value.shape), variable.dtype))

    def check_alike(self, strategy: tf.distribute.Strategy, *parts: object) -> None:
        """Makes sure that every worker has the same `parts` as the chief; a collective call.

        Args:
            strategy: from `strategy()`.
            parts: compared by their `repr`.

        Raises:
            UserError: the parts of this worker differ.
        """
        digest = hashlib.sha256(repr(parts).encode()).digest()
        mine = np.frombuffer(digest, np.uint32).astype(np.float64)
        if (self.told(strategy, mine) != mine).any():
            raise UserError(
                f"{VARIABLE}: worker {self.index + 1}, {self.addresses[self.index]}, has other "
                "settings or pictures than the chief; start all with the same"
            )


def workers_from_environment() -> Workers:
    """Returns the workers that `TF_CONFIG` lists; without it, this process alone.

    Raises:
        UserError: `TF_CONFIG` is malformed, or has jobs other than workers.
    """
    text = os.environ.get(VARIABLE, "")
    if not text.strip():
        return Workers()
    try:
        tree = json.loads(text)
        jobs = {job: list(tasks) for job, tasks in tree.get("cluster", {}).items()}
        if not jobs:
            return Workers()
        kind, index = tree["task"]["type"], int(tree["task"]["index"])
        address = jobs[kind][index]
        known = set(jobs) <= {"chief", "worker"} and len(jobs.get("chief", [])) < 2
        if not known or index < 0:
            raise ValueError
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{VARIABLE}: expected, with jobs worker and at most one chief, {EXAMPLE}; "
            f"got {text}"
        ) from error
    addresses = (*jobs.get("chief", []), *jobs.get("worker", []))
    if len(set(addresses)) < len(addresses):
        raise UserError(f"{VARIABLE}: expected an address per worker, got one twice: {text}")
    return Workers(addresses, addresses.index(address))


@contextlib.contextmanager
def _signals(handler: object) -> Iterator[None]:
    """Lets `handler` handle SIGINT (Ctrl-C) and SIGTERM for a while."""
    before = {
        number: signal.signal(number, handler)  # type: ignore[arg-type]
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _first_line(error: tf.errors.OpError) -> str:
    # Without the place in the graph, and without the phrase that the operation was aborted.
    text = re.sub(r"\{\{.*?\}\}|Collective ops is aborted by:", "", error.message)
    # After a line that ends in a colon, the next one lists the workers concerned.
    return first_line(error, text.replace(":\n", ": "))
