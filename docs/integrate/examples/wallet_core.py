#!/usr/bin/env python3
"""A small wallet core in Python, written from docs/integrate/wallet-core.md alone. It needs nothing but the standard library.

wallet_core.py PORT DATABASE

One table has one row for each paymentRequestId. A debit and a reversal lock that row first: here by a transaction of SQLite that
writes from its beginning, which lets one in at a time. A commit is on the disk before it is answered.
"""

import json
import re
import sqlite3
import sys
import threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

TABLES = """
create table if not exists payments (
    id text primary key,      -- the row that debit and reversal lock
    payment text,             -- as it was told last; null where only a reversal came
    reversal text             -- how it ended; null where none came. It is never deleted: it is the fence
);
create table if not exists entries (
    number integer primary key, account text not null, payment text not null, kind text not null,
    value text not null, currency text not null, at text not null
);
create index if not exists entries_of_account on entries (account, number);
"""
DIGITS = re.compile(r"0|[1-9][0-9]{0,18}")


class Refused(Exception):
    """What a caller gets instead of an answer: a status and a sentence."""


class Books:
    def __init__(self, file):
        self.database = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self.database.executescript("pragma journal_mode = wal; pragma synchronous = full;" + TABLES)
        self.lock = threading.Lock()

    def transaction(self, work):
        """Runs the work under the lock. It is committed as a whole, or not at all."""
        with self.lock:
            self.database.execute("begin immediate")
            try:
                answer = work()
                self.database.execute("commit")
                return answer
            except BaseException:
                self.database.execute("rollback")
                raise

    def row(self, payment_id):
        self.database.execute("insert into payments (id) values (?) on conflict do nothing", [payment_id])
        found = self.database.execute("select payment, reversal from payments where id = ?", [payment_id]).fetchone()
        return json.loads(found[0]) if found[0] else None, found[1]

    def book(self, payment_id, payment, kind, value):
        at = datetime.now(timezone.utc).isoformat()
        row = [payment["account"], payment_id, kind, str(value), payment["amount"]["currency"], at]
        self.database.execute("insert into entries (account, payment, kind, value, currency, at) values (?, ?, ?, ?, ?, ?)", row)

    def reverse(self, payment_id):
        payment, ended = self.row(payment_id)
        if ended:
            return 200, {"outcome": "already-done" if ended == "done" else ended}
        if not payment or payment["status"] != "S":
            outcome = "nothing-to-do"
        elif payment.get("refundRunning"):
            return 202, {"title": "a refund is running"}
        elif refunded(payment) == 0:
            outcome = "done"
            kind = "release" if payment["kind"] == "authorization" else "credit"
            self.book(payment_id, payment, kind, payment["amount"]["value"])
        else:
            outcome = "fully-refunded" if refunded(payment) >= int(payment["amount"]["value"]) else "partly-refunded"
        self.database.execute("update payments set reversal = ? where id = ?", [outcome, payment_id])
        return 200, {"outcome": outcome}

    # ---- The two routes for tests, and looking a payment up ----

    def tell(self, payment_id, payment):
        known, ended = self.row(payment_id)
        if known == payment:
            return 200, payment
        if ended:
            raise Refused(409, "it was reversed")
        takes = payment["status"] == "S" and (not known or known["status"] != "S")
        if takes:
            self.book(payment_id, payment, "hold" if payment["kind"] == "authorization" else "debit", payment["amount"]["value"])
        elif known and known["status"] == "S" and payment["status"] != "S":
            raise Refused(409, "it has succeeded")
        more = refunded(payment) - (refunded(known) if known else 0)
        if more > 0:
            self.book(payment_id, payment, "credit", more)
        self.database.execute("update payments set payment = ? where id = ?", [json.dumps(payment), payment_id])
        return 200, payment

    def find(self, payment_id):
        found = self.database.execute("select payment from payments where id = ? and payment is not null", [payment_id]).fetchone()
        if not found:
            raise Refused(404, "there is no such payment")
        return 200, json.loads(found[0])

    def account(self, account, limit, after):
        rows = self.database.execute(
            "select number, payment, kind, value, currency, at from entries where account = ? and number > ? order by number limit ?",
            [account, after, limit + 1]).fetchall()
        entries = [
            {"paymentRequestId": payment, "kind": kind, "amount": {"value": value, "currency": currency}, "at": at}
            for _, payment, kind, value, currency, at in rows[:limit]]
        page = {"account": account, "entries": entries}
        if len(rows) > limit:
            page["next"] = str(rows[limit - 1][0])
        return 200, page


def refunded(payment):
    """What refunds gave back: an amount, or its value alone."""
    told = payment.get("refunded", "0")
    return int(told["value"] if isinstance(told, dict) else told)


def read_payment(body):
    is_amount = isinstance(body.get("amount"), dict) and DIGITS.fullmatch(str(body["amount"].get("value")))
    if body.get("status") not in ("S", "F", "U") or not is_amount or not body.get("account"):
        raise Refused(400, "this is not a payment")
    return body


class Calls(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    books = None

    def answer(self):
        url = urlsplit(self.path)
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length)
        try:
            status, said = self.call(url, body)
        except Refused as refused:
            status, said = refused.args[0], {"type": "about:blank", "title": refused.args[1], "status": refused.args[0]}
        content = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = answer

    def call(self, url, body):
        _, collection, name = (url.path.split("/", 2) + [""])[:3]
        name, books = unquote(name), self.books
        if self.command == "PUT":
            try:
                body = json.loads(body)
            except ValueError:
                raise Refused(400, "the body is not JSON") from None
            if collection == "reversals":
                if body.get("paymentRequestId") != name or body.get("taken") not in ("debit", "hold", "nothing-known"):
                    raise Refused(400, "a reversal has the paymentRequestId of its path, and what is known to be taken")
                return books.transaction(lambda: books.reverse(name))
            if collection == "payments":
                return books.transaction(lambda: books.tell(name, read_payment(body)))
        elif collection == "payments":
            return books.transaction(lambda: books.find(name))
        elif collection == "accounts":
            query = parse_qs(url.query)
            limit, after = int(query.get("limit", ["100"])[0]), int(query.get("after", ["0"])[0])
            return books.transaction(lambda: books.account(name, limit, after))
        raise Refused(404, "there is no such call")

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


if __name__ == "__main__":
    Calls.books = Books(sys.argv[2])
    server = Server(("127.0.0.1", int(sys.argv[1])), Calls)
    print(f"the wallet core listens on http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()
