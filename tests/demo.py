"""Goal: the demo, started as a newcomer starts it, shows what the README promises.

Method: start the built program, read the logins it prints, sign in as each by the API, and ask for
the invoices of four closed months. Needs nothing but Python.
"""

import json
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

UP_WITHIN_SECONDS = 60


def call(address, path, token=None, body=None):
    request = urllib.request.Request(address + path)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    if body is not None:
        request.add_header("Content-Type", "application/json")
        request.data = json.dumps(body).encode()
    with urllib.request.urlopen(request, timeout=30) as answer:
        text = answer.read()
        return json.loads(text) if "json" in answer.headers["Content-Type"] else text


def main():
    program = subprocess.Popen(
        [sys.argv[1], "demo", "--port", "0"], stdout=subprocess.PIPE, text=True)
    lines = []
    ready = threading.Event()

    def read():
        for line in program.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                ready.set()

    threading.Thread(target=read, daemon=True).start()
    began = time.monotonic()
    try:
        if not ready.wait(UP_WITHIN_SECONDS):
            sys.exit(f"the demo was not up within {UP_WITHIN_SECONDS} s:\n{''.join(lines)}")
        print(f"up after {time.monotonic() - began:.1f} s")
        text = "".join(lines)
        check(text)
    finally:
        program.send_signal(signal.SIGINT)
        program.wait(20)


def check(text):
    address = re.search(r"http://[0-9.]+:\d+", text).group(0)
    logins = re.findall(r"^\s*(\S.*?)\s{2,}(\S+)\s+(\S+)\s+(/\S*)\s*$", text, re.M)
    if len(logins) < 4:
        sys.exit(f"only {len(logins)} logins are printed:\n{text}")
    months = set()
    for role, name, password, domain in logins:
        body = {"password": {"name": name, "password": password, "domain": domain}}
        token = call(address, "/api/v1/session", body=body)["session"]["token"]
        invoices = call(address, "/api/v1/invoices?limit=100", token)["invoices"]
        months |= {invoice["period"] for invoice in invoices}
        print(f"{role} ({name}): {len(invoices)} invoices on the first page")
        if not invoices:
            sys.exit(f"{role} sees no invoice")
        pdf = call(address, f"/api/v1/invoices/{invoices[0]['id']}.pdf", token)
        if not pdf.startswith(b"%PDF-"):
            sys.exit("the PDF is none")
    if len(months) < 4:
        sys.exit(f"invoices of {sorted(months)} only, four closed months were promised")
    print("4 passed, 0 failed" if len(logins) == 4 else f"{len(logins)} passed, 0 failed")


main()
