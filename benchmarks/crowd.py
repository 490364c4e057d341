"""A million believable contacts in 20,000 groups, written with COPY. A program, run beside `tocsin serve`.

The same people in every run. Half have Chinese names; nine in ten have a number, most have an address; one group has
50,000 members and one 200,000.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Container, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import connection

from tocsin.cli.shared import set_up_django


def _words(text: str) -> list[str]:
    return text.split()


_SURNAMES = _words(
    "王wang 李li 张zhang 刘liu 陈chen 杨yang 赵zhao 黄huang 周zhou 吴wu 徐xu 孙sun 胡hu 朱zhu 高gao 林lin "
    "何he 郭guo 马ma 罗luo 梁liang 宋song 郑zheng 谢xie 韩han 唐tang 冯feng 于yu 董dong 萧xiao 程cheng "
    "曹cao 袁yuan 邓deng 许xu 傅fu 沈shen 曾zeng 彭peng 吕lv 苏su 卢lu 蒋jiang 蔡cai 贾jia 丁ding 魏wei "
    "薛xue 叶ye 阎yan 欧阳ouyang 上官shangguan"
)
_GIVEN = _words(
    "伟wei 芳fang 娜na 敏min 静jing 丽li 强qiang 磊lei 军jun 洋yang 勇yong 艳yan 杰jie 娟juan 涛tao "
    "明ming 超chao 秀xiu 霞xia 平ping 刚gang 桂gui 英ying 华hua 玉yu 萍ping 红hong 建jian 文wen 国guo "
    "春chun 梅mei 海hai 燕yan 志zhi 鑫xin 波bo 宇yu 浩hao 然ran 子zi 轩xuan 梓zi 涵han 欣xin 怡yi 思si "
    "远yuan 晓xiao 东dong 雪xue 婷ting 佳jia 琪qi 天tian 龙long 峰feng 健jian 辉hui 雨yu 晨chen 嘉jia "
    "俊jun 诗shi 若ruo 溪xi 瑞rui 祥xiang 安an 宁ning 博bo 永yong 康kang"
)
_FIRST = _words(
    "James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Barbara Richard Susan "
    "Joseph Jessica Thomas Sarah Charles Karen Anna Peter Zoë Jürgen Sofia Mateo Lucía Olga Ivan Fatima "
    "Omar Aisha Priya Arjun Yuki Haruto Ingrid Lars Chloé Noah"
)
_LAST = _words(
    "Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Wilson "
    "Anderson Taylor Moore Jackson Martin Lee Thompson White Harris Clark Lewis Robinson Walker Young "
    "Allen King Wright Scott Torres Nguyen Hill Flores Green Adams Nelson Baker Hall Müller Schmidt Silva "
    "Santos Rossi Ivanova Kowalski Okafor Patel Singh Tanaka Suzuki Larsen Dubois Moreau Haddad Farah "
    "Osei O'Brien Fitzgerald"
)
_DOMAINS = ("example.com", "mail.example.org", "corp.example.cn")
_TEAMS = _words("Storage Network Payments Search Mobile Billing 数据库 网络 支付 安全 运维 前端 Support Warehouse")
_BIG = {"All of Shanghai": 50_000, "Everybody": 200_000}
_TABLES = ["contacts_contact", "contacts_contactgroup", "contacts_contactgroupmember", "contacts_contactreach"]
_MEMBERSHIPS = 2
"""Of each contact, beside those in the big groups."""


def crowd(folder: Path, *, people: int, groups: int) -> dict[str, Any]:
    """Fills the running installation of the folder. Returns a manager's session and ids to ask for."""
    command = [sys.executable, "-m", "benchmarks.crowd", str(people), str(groups)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    environment["TOCSIN_DATA_DIR"] = str(folder)
    made = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, Any] = json.loads(made)
    return found


def names(draw: random.Random) -> tuple[str, str]:
    """A name and the part of an address that goes with it."""
    if draw.random() < 0.5:
        surname = _SURNAMES[min(int(draw.expovariate(0.09)), len(_SURNAMES) - 1)]
        given = draw.sample(_GIVEN, draw.choice((1, 2, 2)))
        parts = [surname, *given]
        name = "".join(filter(lambda char: not char.isascii(), "".join(parts)))
        return name, ".".join("".join(filter(str.isascii, part)) for part in (surname, "".join(given)))
    first, last = draw.choice(_FIRST), draw.choice(_LAST)
    return f"{first} {last}", f"{first}.{last}".lower().encode("ascii", "ignore").decode().replace("'", "")


def proofs(people: int, first_id: int) -> dict[int, str]:
    """Contact -> the channel over which something was proved delivered, for six in ten."""
    draw = random.Random(7)
    return {
        first_id + number: draw.choice(("email", "sms", "phone")) for number in range(people) if draw.random() < 0.6
    }


def contacts(people: int, first_id: int, now: datetime) -> Iterator[tuple[Any, ...]]:
    """(id, name, phone, phone_verified_at, email, fallback, user_id, created_at)."""
    draw = random.Random(3)
    for number in range(people):
        name, local = names(draw)
        kind = draw.random()
        tail = number * 7_368_787 % 100_000_000  # every number once, in no order
        prefix = "+86138" if kind < 0.4 else "+86159" if kind < 0.7 else "+86186" if kind < 0.85 else "+4479"
        phone = f"{prefix}{tail:08d}" if kind < 0.9 else None
        email = f"{local}{number}@{draw.choice(_DOMAINS)}" if phone is None or draw.random() < 0.9 else None
        verified = now if phone is not None and draw.random() < 0.7 else None
        fallback = draw.choices(("default", "sms", "call", "none"), (90, 6, 3, 1))[0]
        yield first_id + number, name, phone, verified, email, fallback, f"u{number}", now


def fill(people: int, groups: int, now: datetime) -> dict[str, Any]:
    """Into the database that Django is connected to. Returns the first contact's id and those of some groups."""
    draw = random.Random(5)
    big = {name: min(size, people // 5) for name, size in _BIG.items()}
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) + 1 FROM contacts_notificationobject")
        (base,) = cursor.fetchone()
        group_ids = range(base + people, base + people + groups)
        cursor.execute(
            "INSERT INTO contacts_notificationobject (id, kind) SELECT %s + n, CASE WHEN n < %s THEN 'contact' "
            "ELSE 'group' END FROM generate_series(0, %s) n",
            [base, people, people + groups - 1],
        )
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence('contacts_notificationobject', 'id'), %s)", [base + people + groups]
        )
        proved = proofs(people, base)
        _write_contacts(cursor, people, base, now, proved)
        teams = (f"{draw.choice(_TEAMS)} {number:05d}" for number in range(groups - len(big)))
        with cursor.copy("COPY contacts_contactgroup (id, name, created_at, version) FROM STDIN") as copy:
            for pk, name in zip(group_ids, [*big, *teams], strict=True):
                copy.write_row((pk, name, now, 1))
        with cursor.copy("COPY contacts_contactgroupmember (group_id, contact_id) FROM STDIN") as copy:
            for pk, size in zip(group_ids, big.values(), strict=False):
                for contact in draw.sample(range(base, base + people), size):
                    copy.write_row((pk, contact))
            small = len(big), groups - 1
            for contact in range(base, base + people):
                for place in {draw.randint(*small) for _ in range(_MEMBERSHIPS)}:
                    copy.write_row((group_ids[place], contact))
        with cursor.copy("COPY contacts_contactreach (contact_id, channel, delivered_at, failure) FROM STDIN") as copy:
            for contact, channel in proved.items():
                copy.write_row((contact, channel, now, ""))
    return {
        "people": people,
        "first": base,
        "groups": dict(zip(big, group_ids, strict=False)),
        "small": group_ids[len(big) + 7],
    }


@contextmanager
def set_aside() -> Iterator[None]:
    """What would be kept up to date row by row, and is made in a tenth of the time when all rows are there."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname), "
            "format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname, pg_get_constraintdef(oid)) "
            "FROM pg_constraint WHERE contype = 'f' AND conrelid = ANY(%s::regclass[]) "
            "UNION ALL "
            "SELECT format('DROP INDEX %%s', indexrelid::regclass), pg_get_indexdef(indexrelid) "
            "FROM pg_index WHERE NOT indisunique AND indrelid = ANY(%s::regclass[])",
            [_TABLES, _TABLES],
        )
        statements = cursor.fetchall()
        for drop, _make in statements:
            cursor.execute(drop)
    yield
    with connection.cursor() as cursor:
        cursor.execute("SET maintenance_work_mem = '256MB'")
        for _drop, make in statements:
            cursor.execute(make)


def _write_contacts(cursor: Any, people: int, base: int, now: datetime, proved: Container[int]) -> None:
    columns = "id, name, phone, phone_verified_at, email, fallback, user_id, created_at, updated_at, version, is_proved"
    blank = "dingtalk_user_id, lark_user_id, wecom_user_id, language, time_zone, legacy_chatbot_url"
    with cursor.copy(f"COPY contacts_contact ({columns}, {blank}) FROM STDIN") as copy:
        for row in contacts(people, base, now):
            copy.write_row((*row, now, 1, row[0] in proved, "", "", "", "", "", ""))


def _prepare(people: int, groups: int) -> dict[str, Any]:
    set_up_django()
    from tocsin.config.migrations import migrate
    from tocsin.core.clock import utc_now

    migrate()
    with set_aside():
        made = fill(people, groups, utc_now() - timedelta(days=1))
    with connection.cursor() as cursor:
        for table in [*_TABLES, "contacts_notificationobject"]:
            cursor.execute(f"VACUUM ANALYZE {table}")
    return made


if __name__ == "__main__":
    print(json.dumps(_prepare(*map(int, sys.argv[1:]))))
