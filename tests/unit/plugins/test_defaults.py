"""Retries follow the kind of error."""

import pytest
from airflow.sdk import RetryAction
from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy
from airflow.sdk.exceptions import AirflowNotFoundException

from flows.days import DayError
from flows.defaults import RETRY_POLICY, task_defaults
from skyledger.errors import ConfigError, FormatError, SourceError, SourceUnavailable, StorageUnavailable


def decided(policy, error):
    return policy.evaluate(error, try_number=1, max_tries=4).action


@pytest.fixture(params=["as written", "as the scheduler reads it back"])
def policy(request):
    if request.param == "as written":
        return RETRY_POLICY
    return ExceptionRetryPolicy.deserialize(RETRY_POLICY.serialize())


@pytest.mark.parametrize(
    "error",
    [SourceUnavailable("away"), StorageUnavailable("deadlock"), ConnectionResetError(), TimeoutError()],
)
def test_what_waiting_may_heal_is_retried_with_the_back_off_of_the_task(policy, error):
    assert decided(policy, error) is RetryAction.RETRY
    assert policy.evaluate(error, 1, 4).retry_delay is None


@pytest.mark.parametrize(
    "error",
    [SourceError("401"), FormatError("x"), ConfigError("y"), DayError("z"), AirflowNotFoundException("conn")],
)
def test_what_a_person_must_change_fails_at_once(policy, error):
    assert decided(policy, error) is RetryAction.FAIL


def test_an_unknown_error_is_left_to_airflow(policy):
    assert decided(policy, RuntimeError("?")) is RetryAction.DEFAULT


def test_a_dag_may_change_a_default_and_keeps_the_others():
    changed = task_defaults(retries=1)
    assert changed["retries"] == 1
    assert changed["retry_policy"] is RETRY_POLICY
