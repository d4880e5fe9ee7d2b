"""Reports in the Airflow UI: only for people who are logged in, only reports, and nothing in them runs."""

import pytest
from fastapi.testclient import TestClient

FLIGHT = "2024030512345602"
NAME = "r1_L1_0123abcd.html"


@pytest.fixture
def pages(tmp_path, monkeypatch):
    """The pages over a data root with one report, and a file outside."""
    from network_page import pages

    monkeypatch.setattr(pages, "DATA_ROOT", tmp_path)
    folder = tmp_path / "iagos" / "reports" / "P1" / FLIGHT
    folder.mkdir(parents=True)
    (folder / NAME).write_text("<h1>flight</h1>")
    (folder / "notes.txt").write_text("not a report")
    (tmp_path / "iagos" / "secret.html").write_text("secret")
    yield pages
    pages.app.dependency_overrides.clear()


def client(pages, *, logged_in: bool) -> TestClient:
    if logged_in:
        pages.app.dependency_overrides[pages.get_user] = lambda: object()
    return TestClient(pages.app)


def test_without_a_login_there_is_no_page(pages):
    assert client(pages, logged_in=False).get(f"/iagos/reports/P1/{FLIGHT}/{NAME}").status_code == 401


def test_a_report_is_shown_with_a_policy_that_runs_nothing(pages):
    answer = client(pages, logged_in=True).get(f"/iagos/reports/P1/{FLIGHT}/{NAME}")
    assert (answer.status_code, answer.text) == (200, "<h1>flight</h1>")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "script" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        f"P1/{FLIGHT}/notes.txt",
        f"P1/{FLIGHT}/r2_L1_0123abcd.html",
        f"P1/{FLIGHT}/..%2f..%2f..%2fsecret.html",
        "P1/..%2f..%2fsecret.html",
        f"p1/{FLIGHT}/{NAME}",
        f"P1/1/{NAME}",
        f"P1/{FLIGHT}/.hidden.html",
    ],
)
def test_nothing_but_reports_is_there(pages, path):
    answer = client(pages, logged_in=True).get(f"/iagos/reports/{path}")
    assert answer.status_code == 404
    assert "secret" not in answer.text


def test_the_pages_tell_nobody_what_else_there_is(pages):
    for path in ("/docs", "/openapi.json", "/redoc"):
        assert client(pages, logged_in=False).get(path).status_code in (401, 404)
