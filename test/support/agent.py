"""An agent over HTTP, with nothing but the standard library.

python3 agent.py URL SESSION TURNS: delivers a request, answers it in a turn, and so on. It goes on over a restart of the
service, and prints at the end how often each of its requests was answered.
"""
import json
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

base, session, turns = sys.argv[1], sys.argv[2], int(sys.argv[3])
root = f"{base}/sessions/{urllib.parse.quote(session, safe='')}"


class Failed(Exception):
    """The service answered with an error; `tag` names it."""

    def __init__(self, answer):
        super().__init__(answer.get("message"))
        self.tag = answer.get("_tag")


def call(method, path, body=None):
    """Calls the service until it answers: it may be starting again."""
    while True:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(root + path, data, {"content-type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            answer = json.load(error)
            if answer.get("_tag") != "StoreError" or not answer.get("isRetryable"):
                raise Failed(answer) from error
        except (OSError, ValueError):
            pass
        time.sleep(0.05)


# The window of the model's server, which is smaller than the service was told.
LIMIT = 1_200
rescues = 0


class TooLong(Exception):
    """The model's server refused what it was sent."""


def think(view):
    """What would be a call of a model. The last request is the one to answer."""
    if view["tokens"] > LIMIT:
        raise TooLong(f"This model's maximum context length is {LIMIT} tokens. Please reduce the length of the messages.")
    messages = view["messages"]
    asked = [message for message in messages if message["role"] == "user"][-1]["content"]
    return "Answer to " + asked.split(":")[0] + ". " + "The invoices of the year are in order. " * 12


def keep_alive(of, stop):
    """Tells the service that the model still answers."""
    while not stop.wait(5):
        call("POST", f"{of}/heartbeat", {})


def answer(n):
    """Answers what was delivered, in a turn. A turn that was lost is begun again."""
    while True:
        try:
            begun = call("POST", "/turns", {"ttl": 10_000})
            of = f"/turns/{begun['turn']}"
            view = call("POST", f"{of}/view", {"system": "Answer in a word."})
            if not view["open"]:
                # The answer was stored, and only its acknowledgement was lost.
                call("DELETE", of)
                return
            stop = threading.Event()
            beat = threading.Thread(target=keep_alive, args=(of, stop), daemon=True)
            beat.start()
            while True:
                try:
                    reply = think(view)
                    break
                except TooLong as refused:
                    global rescues
                    rescues += 1
                    view = call("POST", f"{of}/rescue", {"detail": str(refused)})
            stop.set()
            call("POST", f"{of}/report", {"inputTokens": view["tokens"]})
            call("POST", f"{of}/messages", {"messages": [{"role": "assistant", "content": reply}], "key": f"answer {n}"})
            call("DELETE", of)
            return
        except Failed as error:
            if error.tag not in ("TurnLost", "Superseded", "SessionBusy"):
                raise


for n in range(1, turns + 1):
    words = f"request {n}: " + "look at the invoices of the year, and at src/invoices.ts. " * 10
    receipt = call("POST", "/messages", {"message": {"role": "user", "content": words}, "key": f"request {n}"})
    answer(n)
    print(json.dumps({"answered": n, "arrival": receipt["arrival"]}), flush=True)

log = []
page = 1
while page is not None:
    got = call("GET", f"/log?from={page}")
    log += got["entries"]
    page = got["next"]
replies = [entry["message"]["content"].split(".")[0] for entry in log if entry["message"]["role"] == "assistant"]
found = call("GET", "/recall?query=" + urllib.parse.quote('"request 1:"'))
detail = call("GET", "")
seqs = [hit["seq"] for hit in found]
print(json.dumps({"replies": replies, "generation": detail["generation"], "found": seqs, "rescues": rescues}))
