"""Import in a real browser: upload, wait, preview, import, result; in both languages and on a phone."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console import apart, fits, give_session
from tests.stories.harness import begin
from tests.web.people import user_with
from tocsin.accounts.rules import Role
from tocsin.contacts.models import Contact
from tocsin.core.clock import utc_now
from tocsin.delivery.worker import run_due

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def signed(page: Page, live_server: Any) -> Page:
    """A manager's session in the browser."""
    give_session(page.context, live_server.url, user_with(Role.MANAGER))
    return page


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """As Excel in China writes it: GBK, one number spoiled by the spreadsheet."""
    path = tmp_path / "人员.csv"
    rows = [["工号", "姓名", "手机号", "联系人组"], *([f"E{n}", f"人员 {n}", f"138{n:08d}", "夜班"] for n in range(40))]
    rows[3][2] = "1.38E+10"
    with path.open("w", encoding="gbk", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def work() -> None:
    apart(lambda: run_due(utc_now()))


def test_a_file_is_uploaded_looked_at_and_imported(signed: Page, live_server: Any, people: Path) -> None:
    begin(utc_now())
    page = signed
    page.goto(f"{live_server.url}/console/contact-imports/")
    page.get_by_label("File", exact=False).set_input_files(people)
    page.get_by_label("Create contact groups that are missing").check()
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_text("No worker is running")).to_be_visible()

    work()

    expect(page.get_by_text("39 contacts will be written")).to_be_visible()
    page.get_by_role("link", name="refused").first.click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody")).to_contain_text("A spreadsheet shortened this number to 1.38E+10")
    page.get_by_role("button", name="Import 39 rows").click()
    expect(page.locator("#import-live")).to_be_visible()
    work()
    expect(page.get_by_text("Imported", exact=True)).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Refused rows as a file").click()
    assert download.value.suggested_filename.startswith("refused-")
    assert Contact.objects.filter(groups__name="夜班").count() == 39


def test_on_a_phone_in_chinese_nothing_is_cut_off(signed: Page, live_server: Any, people: Path) -> None:
    page = signed
    page.set_viewport_size({"width": 390, "height": 844})
    page.set_extra_http_headers({"Accept-Language": "zh-hans"})
    page.goto(f"{live_server.url}/console/contact-imports/")
    page.locator("input[type=file]").set_input_files(people)
    page.get_by_label("自动创建缺少的联系人组").check()
    page.get_by_role("button", name="检查文件").click()
    expect(page.get_by_text("没有工作进程在运行")).to_be_visible()
    work()

    expect(page.get_by_text("将写入 39 位联系人")).to_be_visible()
    expect(page.get_by_text("电子表格把此号码缩写成了 1.38E+10")).to_be_visible()
    expect(page.get_by_role("button", name="导入 39 行")).to_be_visible()
    assert fits(page)


def test_an_export_is_downloaded(signed: Page, live_server: Any) -> None:
    begin(utc_now()).contact("Wei", phone="+8613800001234")
    page = signed
    page.goto(f"{live_server.url}/console/contact-export/")
    page.get_by_label("CSV, as Excel reads it").check()

    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()

    assert "+86 138 0000 1234" in Path(download.value.path()).read_text("utf-8-sig")


def test_the_contacts_tab_leads_to_both_and_exports_the_selected(signed: Page, live_server: Any) -> None:
    story = begin(utc_now())
    story.contact("Ann", email="ann@example.org")
    story.contact("Bob", email="bob@example.org")
    page = signed
    page.goto(f"{live_server.url}/console/contacts/contact/")
    page.get_by_text("More Operations").click()
    page.get_by_role("link", name="Import", exact=True).click()
    expect(page.get_by_role("button", name="Check the file")).to_be_visible()

    page.goto(f"{live_server.url}/console/contacts/contact/")
    page.get_by_role("row", name="Bob").get_by_role("checkbox").check()
    page.get_by_text("More Operations").click()
    page.get_by_role("button", name="Export selected").click()
    expect(page.get_by_text("One contact, with the whole number and address.")).to_be_visible()
    page.get_by_label("JSON").check()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()

    said = Path(download.value.path()).read_text()
    assert "Bob" in said
    assert "Ann" not in said
