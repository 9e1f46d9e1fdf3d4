"""Settings: which source wins, and what a mistake in one is told as."""

import pytest

from importer.jobs import connect
from importer.model.errors import FixCommand
from importer.profiles import Reference
from importer.settings import everyone, filed, load


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder, text):
    (folder / "importer.toml").write_text(text, encoding="utf-8")


def test_without_any_source_the_defaults_are_those_of_the_api(folder):
    settings = load()
    assert (settings.max_contacts, settings.daily_sends, settings.day_zone) == (20, 100, "Asia/Shanghai")
    assert settings.ledger == "importer.db"


def test_flags_win_over_environment_over_profile_over_file(folder, monkeypatch):
    write(
        folder,
        "max_contacts = 1\ndaily_sends = 1\npage_size = 1\nlist_lag = 1.0\n"
        "[profiles.big]\nmax_contacts = 2\ndaily_sends = 2\npage_size = 2\n",
    )
    monkeypatch.setenv("IMPORTER_DAILY_SENDS", "3")
    monkeypatch.setenv("IMPORTER_MAX_CONTACTS", "3")
    settings = load({"profile": "big", "max_contacts": 4})
    assert (settings.max_contacts, settings.daily_sends, settings.page_size, settings.list_lag) == (4, 3, 2, 1.0)


def test_lists_and_tables_are_json_in_the_environment_and_an_empty_variable_says_nothing(folder, monkeypatch):
    monkeypatch.setenv("IMPORTER_FILL", '["Team", "Title"]')
    monkeypatch.setenv("IMPORTER_COLUMNS", '{"Work Mail": "EmailAddress"}')
    monkeypatch.setenv("IMPORTER_NOTIFY", '{"on": ["stopped"]}')
    monkeypatch.setenv("IMPORTER_STRICT", "true")
    monkeypatch.setenv("IMPORTER_SHEET", "")
    found = load()
    assert (found.fill, found.columns) == (("Team", "Title"), {"Work Mail": "EmailAddress"})
    assert (found.notify.on, found.strict, found.sheet) == (("stopped",), True, None)


def test_a_list_in_the_environment_that_is_no_json_is_told_with_its_form(folder, monkeypatch):
    monkeypatch.setenv("IMPORTER_FILL", "Team, Title")
    with pytest.raises(FixCommand, match="IMPORTER_FILL is no JSON") as caught:
        load()
    assert '["a", "b"]' in caught.value.hint


def test_the_profile_may_come_from_the_environment_or_the_file(folder, monkeypatch):
    write(folder, 'profile = "a"\n[profiles.a]\nmax_contacts = 7\n[profiles.b]\nmax_contacts = 8\n')
    assert load().max_contacts == 7
    monkeypatch.setenv("IMPORTER_PROFILE", "b")
    assert (load().profile, load().max_contacts) == ("b", 8)


@pytest.mark.parametrize(
    ("flags", "says", "hint"),
    [
        ({"max_contact": 5}, "unknown setting: max_contact", "max_contacts"),
        ({"day_zone": "Asia/Shangai"}, "no time zone is called 'Asia/Shangai'", "names"),
        ({"max_contacts": "many"}, "max-contacts", ""),
        ({"on_clash": "merge"}, "on-clash", ""),
        ({"profile": "prod"}, "no profile is called prod", "default"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(folder, flags, says, hint):
    with pytest.raises(FixCommand) as caught:
        load(flags)
    assert says in caught.value.message
    assert hint in caught.value.message + caught.value.hint
    assert "\n" not in caught.value.message


def test_every_mistake_is_told_at_once(folder):
    with pytest.raises(FixCommand) as caught:
        load({"max_contacts": -1, "daily_sends": "x", "page_size": 1000})
    assert all(name in caught.value.message for name in ("max-contacts", "daily-sends", "page-size"))


def test_an_unknown_profile_is_told_with_the_nearest_one(folder):
    write(folder, "[profiles.production]\nmax_contacts = 1\n")
    with pytest.raises(FixCommand) as caught:
        load({"profile": "prodution"})
    assert caught.value.hint == "did you mean production?"


def test_an_unknown_variable_is_told_with_the_nearest_one(folder, monkeypatch):
    monkeypatch.setenv("IMPORTER_MAXCONTACTS", "5")
    with pytest.raises(FixCommand) as caught:
        load()
    assert caught.value.hint == "did you mean IMPORTER_MAX_CONTACTS?"


def test_a_file_that_is_no_toml_or_is_missing_is_told_by_name(folder):
    write(folder, "max_contacts = = 5")
    with pytest.raises(FixCommand, match=r"importer\.toml: is no TOML"):
        load()
    with pytest.raises(FixCommand, match=r"other\.toml: cannot be read"):
        load(config="other.toml")


def test_settings_are_frozen(folder):
    with pytest.raises(ValueError, match="frozen"):
        load().max_contacts = 5


class TestProfiles:
    def test_a_profile_names_where_its_credentials_are_and_its_own_file(self, folder):
        write(
            folder,
            'file = "above.csv"\nmax_contacts = 7\n[profiles.acme]\nfile = "acme.xlsx"\n'
            'credentials = {profile = "acme", role = "acs:ram::1234567890123456:role/importer"}\n[profiles.bare]\n',
        )
        family = filed(load())
        assert {name: one.file for name, one in family.items()} == {"default": "above.csv", "acme": "acme.xlsx"}
        assert family["acme"].credentials == Reference(profile="acme", role="acs:ram::1234567890123456:role/importer")
        assert family["acme"].max_contacts == 7
        assert load({"profile": "bare"}).file is None

    def test_flags_and_environment_win_in_every_profile(self, folder, monkeypatch):
        write(folder, '[profiles.a]\nfile = "a.csv"\nmax_contacts = 1\n[profiles.b]\nfile = "b.csv"\n')
        monkeypatch.setenv("IMPORTER_DAILY_SENDS", "3")
        family = filed(load({"max_contacts": 9}))
        assert {(one.max_contacts, one.daily_sends) for one in family.values()} == {(9, 3)}

    @pytest.mark.parametrize(
        ("line", "where"),
        [
            ('access_key_secret = "CANARY"', "access_key_secret"),
            ('[profiles.acme]\naccess-key-id = "CANARY"', "profiles.acme.access-key-id"),
            ('[profiles.acme]\ncredentials = {SecurityToken = "CANARY"}', "profiles.acme.credentials.SecurityToken"),
            ('[profiles.acme]\ncredentials = {environment = "LTAI5tCANARYcanary"}', "profiles.acme.credentials"),
            ('[profiles.acme]\npassword = "CANARY"', "profiles.acme.password"),
        ],
    )
    def test_a_secret_in_the_file_is_refused_by_its_place_and_never_shown(self, folder, line, where):
        write(folder, line)
        with pytest.raises(FixCommand) as caught:
            load()
        assert f"importer.toml: {where}" in caught.value.message
        assert "looks like a secret" in caught.value.message
        assert "environment" in caught.value.hint + caught.value.message
        assert "CANARY" not in caught.value.message + caught.value.hint

    @pytest.mark.parametrize("address", ["postgresql://me:CANARY@host/db", "postgresql://host/db?password=CANARY"])
    def test_a_password_of_the_ledger_is_refused_too(self, folder, address):
        write(folder, f'ledger = "{address}"')
        with pytest.raises(FixCommand, match=r"importer\.toml: ledger holds a password") as caught:
            load()
        assert "PGPASSWORD" in caught.value.hint
        assert "CANARY" not in caught.value.message

    def test_a_header_of_the_users_is_no_secret(self, folder):
        write(folder, '[columns]\n"Secret Token" = "Name"\n')
        assert load().columns == {"Secret Token": "Name"}

    def test_all_mistakes_of_all_profiles_and_of_the_environment_come_at_once_each_with_its_place(
        self, folder, monkeypatch
    ):
        write(
            folder,
            'secret = "CANARY"\n[profiles.a]\nfile = "a.csv"\nmax_contacts = -1\nday_zone = "Asia/Shangai"\n'
            '[profiles.b]\nfile = "b.csv"\nmax_contact = 5\n'
            '[profiles.c]\nfile = "c.csv"\ncredentials = {enviroment = "C_"}\n'
            '[profiles.d]\nfile = "d.csv"\ncredentials = {environment = "D_", profile = "d"}\n'
            '[profiles.e]\nfile = "e.csv"\ncredentials = {role = "x"}\n',
        )
        monkeypatch.setenv("IMPORTER_MAXCONTACTS", "5")
        with pytest.raises(FixCommand) as caught:
            load(every=True)
        for text in (
            "importer.toml: secret looks like a secret",
            "IMPORTER_MAX_CONTACTS",
            "profile a: max-contacts: ",
            "profile a: day-zone: no time zone is called 'Asia/Shangai'",
            "profile b: unknown setting: max_contact; did you mean max_contacts?",
            "profile c: unknown setting: credentials.enviroment; did you mean environment?",
            "profile d: credentials: environment and profile are two places",
            "profile e: credentials.role: ",
        ):
            assert text in caught.value.message, caught.value.message
        assert "CANARY" not in caught.value.message
        assert "\n" not in caught.value.message

    def test_a_mistake_above_the_profiles_is_told_once(self, folder):
        write(folder, 'max_contacts = -1\n[profiles.a]\nfile = "a.csv"\n[profiles.b]\nfile = "b.csv"\n')
        with pytest.raises(FixCommand) as caught:
            load(every=True)
        assert caught.value.message.count("max-contacts") == 1

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("", "there are no profiles"),
            ("[profiles.a]\nmax_contacts = 1\n", "no profile names a file"),
        ],
    )
    def test_all_profiles_need_one_that_has_a_file(self, folder, text, says):
        write(folder, text)
        with pytest.raises(FixCommand, match=says) as caught:
            filed(load())
        assert "[profiles.acme]" in caught.value.hint

    @pytest.mark.parametrize("wanted", [filed, everyone])
    def test_one_profile_and_all_of_them_exclude_each_other(self, folder, monkeypatch, wanted):
        write(folder, '[profiles.a]\nfile = "a.csv"\n[profiles.b]\n')
        with pytest.raises(FixCommand, match="--all takes every profile, and --profile a one"):
            wanted(load({"profile": "a"}))
        monkeypatch.setenv("IMPORTER_PROFILE", "a")
        assert "a" in wanted(load())

    @pytest.mark.parametrize("text", ["profiles = 7", "profiles.acme = 7", '[profiles." "]\nmax_contacts = 1'])
    def test_profiles_that_are_no_tables_are_told(self, folder, text):
        write(folder, text)
        with pytest.raises(FixCommand, match=r"importer\.toml: (profiles|a profile)"):
            load()

    @pytest.mark.parametrize("name", ["FILE", "CREDENTIALS"])
    def test_what_belongs_to_a_profile_cannot_come_from_the_environment(self, folder, monkeypatch, name):
        monkeypatch.setenv(f"IMPORTER_{name}", "{}")
        with pytest.raises(FixCommand, match="unknown setting in the environment"):
            load()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("3d", 259_200.0), ("1d12h", 129_600.0), ("0d", 0.0), ("12h", 43_200.0), ("1h30m", 5400.0), ("90", 90.0)],
)
def test_a_time_may_be_told_in_days_hours_minutes_and_seconds(folder, text, seconds):
    assert load({"remind_after": text}).remind_after == seconds


def test_a_silence_is_three_days_and_is_broken_twice_unless_it_is_set(folder):
    assert (load().remind_after, load().reminders) == (3 * 86_400.0, 2)
    with pytest.raises(FixCommand, match=r"remind-after.*reminders"):
        load({"remind_after": "soon", "reminders": -1})


@pytest.mark.parametrize(
    ("text", "seconds"), [("1d", 86_400.0), ("12h", 43_200.0), ("0d", 0.0), ("1d12h", 129_600.0), ("90", 90.0)]
)
def test_a_span_of_time_is_written_as_people_say_it(folder, text, seconds):
    assert load({"missing_for": text}).missing_for == seconds


@pytest.mark.parametrize("text", ["soon", "1 day", "d", "1w", "-"])
def test_what_is_no_span_of_time_is_refused_with_how_to_write_one(folder, text):
    with pytest.raises(FixCommand, match=r"missing-for.*1d, 12h, 45m"):
        load({"missing_for": text})


@pytest.mark.parametrize(("text", "renames"), [("off", False), ("on", True)])
def test_renames_are_switched_by_words(folder, text, renames):
    assert load({"renames": text}).renames is renames


def test_a_hold_lasts_30_seconds_and_is_renewed_every_10_which_leaves_time_for_a_call_at_any_moment(folder):
    limits = connect.limits(load())  # in a folder without settings
    assert (limits.lease_ttl, limits.lease_renewal) == (30, 10)
    assert limits.lease_ttl - limits.lease_renewal >= limits.call_timeout
