"""Limits hold, what waits is said, and the next day goes on where this one ended."""


def test_five_places_and_three_mails_then_a_raised_limit_and_another_day(shell, serve):
    shell.contacts(12)
    today = ("--now", "2026-11-23T10:00:00+08:00")
    tomorrow = ("--now", "2026-11-24T10:00:00+08:00")
    few = ("--emulator", "--max-contacts", 5, "--daily-sends", 3)
    first = shell.json("run", "contacts.csv", *few, *today, code=3)
    assert first["operations"]["add"]["done"] == 5
    assert first["contacts"] == {
        "waiting": 7,
        "in_doubt": 0,
        "added": 2,
        "sent": 3,
        "verified": 0,
        "failed": 0,
        "deleted": 0,
    }
    assert first["deferred"] == {"count": 2, "reason": "daily-sends", "until": "2026-11-24T00:00:00+08:00"}
    assert first["next_action_at"] == "2026-11-24T00:00:00+08:00"
    assert {"count": 7, "reason": "max-contacts", "until": None} in first["deferrals"]

    same_day = shell.json("run", "contacts.csv", *few, *today, code=3)
    assert set(same_day["calls"]) == {"ListMessageContacts"}

    more = ("--emulator", "--max-contacts", 20, "--daily-sends", 100)
    last = shell.json("run", "contacts.csv", *more, *tomorrow)
    assert last["contacts"]["sent"] == 12
    assert last["calls"]["AddMessageContact"]["ok"] == 7
    assert last["calls"]["SendEmailVerificationForMessageContact"] == {"ok": 9}

    server = serve("--state", "importer.db.emulator")
    state = server.get("state")
    assert len({contact["Name"] for contact in state["contacts"]}) == len(state["contacts"]) == 12
    assert len({mail["To"] for mail in state["outbox"]}) == len(state["outbox"]) == 12


def test_the_servers_limits_win_where_the_settings_promise_more(shell, serve):
    server = serve("--max-contacts", 5, "--daily-sends", 3)
    shell.contacts(12)
    result = shell.json("run", "contacts.csv", "--endpoint", server.banner["url"], code=3)
    assert (result["operations"]["add"]["done"], result["operations"]["send_email_verification"]["done"]) == (5, 3)
    assert result["calls"]["AddMessageContact"]["LimitExceeded.Contacts"] == 1
    refused = result["calls"]["SendEmailVerificationForMessageContact"]["SendValidateCodeExceedsLimitForAccount"]
    assert 1 <= refused <= 4, "at most the sends in flight are wasted"
    assert {wait["reason"] for wait in result["deferrals"]} == {"max-contacts", "daily-sends"}


def test_no_call_is_refused_for_being_too_fast_or_at_once(shell, serve):
    server = serve()
    shell.contacts(20)
    result = shell.json("run", "contacts.csv", "--endpoint", server.banner["url"])
    assert all(set(codes) == {"ok"} for codes in result["calls"].values())
    assert result["timing"]["add_seconds"] >= 19 / 18


def test_a_limit_that_was_met_is_learned_and_plan_says_where_it_comes_from(shell, serve):
    server = serve("--max-contacts", 20, "--daily-sends", 3)
    shell.contacts(8)
    words = ("contacts.csv", "--endpoint", server.banner["url"], "--calls-per-second", 5)
    assert shell.json("plan", *words)["daily_sends"]["limit_from"] == "setting"
    shell.json("run", *words, code=3)
    found = shell.json("plan", *words, code=3)
    assert (found["daily_sends"]["limit"], found["daily_sends"]["limit_from"]) == (3, "refusal")
    assert found["sends_left_today"] == 0
    assert [day["send_email_verification"] for day in found["schedule"]] == [3, 2]
    assert "as the directory refused more at" in shell("plan", *words).stdout
    again = shell.json("run", *words, code=3)
    assert "SendEmailVerificationForMessageContact" not in again["calls"], "it asked knowing the answer"
