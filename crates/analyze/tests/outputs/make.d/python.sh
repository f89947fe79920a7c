# python, pytest, ruff, mypy, pip.
new python && {
    put shop/__init__.py < /dev/null
    put shop/cart.py <<< 'from decimal import Decimal


def total(prices):
    return sum(price["amount"] for price in prices)


def load(path):
    with open(path) as file:
        return file.read()


def pick(prices, name):
    try:
        return prices[name]
    except KeyError as error:
        raise ValueError(f"no price for {name}") from error'
    for one in 'type|total([1])' 'key|{}["id"]' 'enoent|load("prices.csv")' 'cause|pick({}, "tea")' 'import|import requests_of_nobody' \
        'from|from shop.cart import subtotal' 'name|subtotal(1)' 'recursion|(lambda f: f(f))(lambda f: f(f))' 'assert|assert total([]) == 1, "nothing is one"' \
        'refused|import socket; socket.create_connection(("127.0.0.1", 9))' 'dns|import urllib.request; urllib.request.urlopen("http://prices.invalid/")' \
        'timeout|import socket; s = socket.create_server(("127.0.0.1", 0)); c = socket.create_connection(s.getsockname(), timeout=0.1); c.recv(1)' \
        'port|import socket; s = socket.create_server(("127.0.0.1", 0)); socket.create_server(s.getsockname())' \
        'memory|"x" * (1 << 40)' 'enospc|open("/srv/full/big", "w").write("x" * 200000)' 'json|import json; json.loads("{")' \
        'unicode|b"\xff".decode()'; do
        put run.py <<< "from shop.cart import load, pick, total


def main():
    ${one#*|}


main()"
        record "python-${one%%|*}" python 'python run.py'
    done
    rm -f /srv/full/*
    put run.py <<< 'open("/etc/shadow").read()'
    record python-permission python "$as_ada /usr/bin/python3 run.py"
    put run.py <<< 'def main()
    return 1'
    record python-syntax python 'python run.py'
    put run.py <<< 'def main():
    a = 1
      b = 2'
    record python-indent python 'python run.py'
    put run.py <<< 'import subprocess
subprocess.run(["git", "rev-parse", "HEAD^{commit}x"], check=True)'
    record python-subprocess python 'python run.py'
    record python-no-file python 'python absent.py'
    record python-no-module python 'python -m flask run'
    rm /srv/project/run.py
    put tests/test_cart.py <<< 'import pytest

from shop.cart import load, total


@pytest.fixture
def prices():
    return load("prices.csv")


def test_adds_up():
    assert total([{"amount": 1}, {"amount": 2}]) == 4


def test_reads(prices):
    assert prices


class TestMore:
    @pytest.mark.parametrize("price", [None, {}])
    def test_odd(self, price):
        total([price])


def test_fine():
    assert total([]) == 0


@pytest.mark.skip(reason="slow")
def test_fast():
    pass'
    put tests/test_gone.py <<< 'from shop.stock import count


def test_count():
    assert count() == 0'
    record pytest-failing pytest 'PYTHONPATH=. pytest -p no:cacheprovider tests/test_cart.py'
    record pytest-colour pytest 'PYTHONPATH=. pytest -p no:cacheprovider --color yes tests/test_cart.py'
    record pytest-short pytest 'PYTHONPATH=. pytest -p no:cacheprovider -q --tb short tests/test_cart.py'
    record pytest-collect pytest 'PYTHONPATH=. pytest -p no:cacheprovider tests/test_gone.py'
    record pytest-junit pytest 'PYTHONPATH=. pytest -p no:cacheprovider -q --continue-on-collection-errors --junit-xml report > /dev/null'
    report pytest-junit.xml
    record pytest-no-file pytest 'pytest tests/absent.py'
    put test_unit.py <<< 'import unittest


class Sums(unittest.TestCase):
    def test_adds_up(self):
        self.assertEqual(1 + 1, 3)

    def test_reads(self):
        open("prices.csv")


unittest.main()'
    record unittest-failing python 'python test_unit.py'
    rm /srv/project/test_unit.py
    put bad.py <<< 'import os
import sys


def f(x):
    if x == None:
        return undefined'
    put worse.py <<< 'def f(:
    pass'
    record ruff-rules ruff 'ruff check --no-cache bad.py'
    record ruff-concise ruff 'ruff check --no-cache --output-format concise bad.py'
    record ruff-syntax ruff 'ruff check --no-cache worse.py'
    record ruff-json ruff 'ruff check --no-cache --output-format json bad.py worse.py > report'
    report ruff.json
    record ruff-check ruff 'printf "x=1\n" > odd.py; ruff format --no-cache --check bad.py odd.py worse.py > report 2>&1; rm odd.py; true'
    report ruff-format.txt
    record mypy-check mypy 'printf "x: int = 1\n" > fine.py; mypy --cache-dir /dev/null fine.py > report; rm fine.py'
    report mypy-passed.txt
    put bad.py <<< 'import requests_of_nobody


def area(side: int) -> int:
    return str(side)


area("four")'
    record mypy-type mypy 'mypy --cache-dir /dev/null bad.py'
    record mypy-syntax mypy 'mypy --cache-dir /dev/null worse.py'
    record pip-no-package pip 'pip install --no-input a-package-of-nobody-at-all'
    record pip-no-version pip 'pip install --no-input ruff==99'
    record pip-network pip 'pip install --retries 0 --index-url http://127.0.0.1:9/ --no-input a-package'
    ask python-input python "python -c 'input(\"Your name: \")'"
}
