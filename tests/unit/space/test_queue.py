"""The queue of analyses, and jobs that can be cancelled."""

from __future__ import annotations

import pytest

from nc_hf.errors import CancelledError, InputError
from nc_hf.space.queue import Jobs, Queue


def test_the_queue_runs_in_order_and_is_bounded() -> None:
    queue = Queue(max_waiting=2)
    first, second, third = queue.join(), queue.join(), queue.join()
    assert [queue.ahead(entry) for entry in (first, second, third)] == [0, 1, 2]
    with pytest.raises(InputError, match="2 analyses are waiting"):
        queue.join()
    queue.leave(second)
    queue.leave(first)
    queue.leave(first)
    assert queue.ahead(third) == 0


def test_a_job_is_cancelled_by_its_id() -> None:
    jobs, job_id = Jobs(), "a-long-random-id-0001"
    assert jobs.cancel(job_id) is False
    with jobs.running(job_id) as job, jobs.running("another-long-id-0002") as other:
        assert jobs.cancel(job_id) is True
        with pytest.raises(CancelledError, match="was cancelled"):
            job.check()
        other.check()
    assert jobs.cancel(job_id) is False


def test_a_job_without_an_id_cannot_be_cancelled_from_outside() -> None:
    jobs = Jobs()
    with jobs.running("") as job, jobs.running(""):
        assert jobs.cancel("") is False
        job.check()


@pytest.mark.parametrize("job_id", ["short", "a" * 65, "a space in the middle", "../../../etc/passwd", "é" * 20])
def test_an_id_that_is_easy_to_guess_is_refused(job_id: str) -> None:
    with pytest.raises(InputError, match="has 16 to 64 letters"), Jobs().running(job_id):
        pass


def test_an_id_in_use_is_refused_and_stays_with_its_job() -> None:
    jobs, job_id = Jobs(), "a-long-random-id-0001"
    with jobs.running(job_id):
        with pytest.raises(InputError, match="in use"), jobs.running(job_id):
            pass
        assert jobs.cancel(job_id) is True
