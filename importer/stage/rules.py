"""Every rule that a row can break or a repair can follow: its stable id, its severity and its words."""

from dataclasses import dataclass

from importer.model.finding import Rule, Severity


@dataclass(frozen=True, slots=True)
class Told(Rule):
    """A rule with the words of its findings; ``{detail}`` in ``message`` is what differs from row to row."""

    message: str
    hint: str


def _error(name: str, says: str, message: str, hint: str) -> Told:
    return Told(name, Severity.ERROR, says, message, hint)


def _warning(name: str, says: str, message: str, hint: str) -> Told:
    return Told(name, Severity.WARNING, says, message, hint)


def _note(name: str, says: str, message: str) -> Told:
    return Told(name, Severity.NOTE, says, message, "")


_NAME_HINT = "Write 2 to 12 English letters or Chinese characters, with nothing between them."
_CLASH_HINT = (
    "Give one of them another name, or decide for the whole file: "
    "--on-clash suffix appends a letter, --on-clash first keeps only the first."
)

_TABLE = (
    # errors: the row is rejected
    _error(
        "missing-value",
        "Name, EmailAddress, Title and MessageTypes are required.",
        "The cell is blank, and a contact cannot do without it.",
        "Fill in the cell, or delete the row if it is no contact.",
    ),
    _error(
        "name-letters",
        "A name holds English letters and Chinese characters (basic and extension A), and nothing else.",
        "The name holds something else than English letters and Chinese characters: {detail}.",
        _NAME_HINT,
    ),
    _error(
        "name-lookalike",
        "A name holds no letters of other alphabets that only look like English ones.",
        "The name holds letters that look like English ones and are not: {detail}.",
        "Type the name anew with an English keyboard, or take the suggestion.",
    ),
    _error(
        "name-english",
        "With chinese_names off, a name holds English letters only.",
        "The name holds Chinese characters, which the settings do not allow.",
        "Write the name in English letters, or set chinese_names = true.",
    ),
    _error(
        "name-short",
        "A name has at least 2 letters.",
        "The name has {detail}, and at least 2 are needed.",
        _NAME_HINT,
    ),
    _error(
        "name-long",
        "A name has at most 12 letters.",
        "The name has {detail}, and at most 12 are allowed.",
        _NAME_HINT,
    ),
    _error(
        "email-syntax",
        "An e-mail address is one that mail can be sent to on the internet, written plainly.",
        "This is not an e-mail address: {detail}",
        "Write one address like someone@example.com, with no name, quotes or brackets around it.",
    ),
    _error(
        "email-long",
        "An e-mail address has at most 128 characters (the setting email_max).",
        "The address has {detail}.",
        "Use a shorter address of the same person.",
    ),
    _error(
        "phone-number",
        "A phone number is a mobile number of the Chinese mainland: 86-, then 11 digits that begin with 1.",
        "This is no mobile number of the Chinese mainland: {detail}.",
        "Write it like 86-13900001234, or leave the cell blank: the number is optional.",
    ),
    _error(
        "phone-country",
        "A phone number has the country code 86.",
        "The number has another country code than 86, and the directory takes no other.",
        "Use a mobile number of the Chinese mainland, or leave the cell blank: the number is optional.",
    ),
    _error(
        "phone-rounded",
        "A phone number has all its digits.",
        "The spreadsheet program has rounded the number, and its last digits are lost.",
        "Format the column as text, then type the number again.",
    ),
    _error(
        "title-unknown",
        "Title is one of FinanceDirector, TechnicalDirector, MaintenanceDirector, CEO, ProjectDirector, Other.",
        "The directory knows no such title.",
        "Write FinanceDirector, TechnicalDirector, MaintenanceDirector, CEO, ProjectDirector or Other.",
    ),
    _error(
        "directory-unknown",
        "Directory is a profile of the settings, or blank.",
        "No profile is called so; there are: {detail}.",
        "Write the name of a profile in importer.toml, or leave the cell blank for the one that the command names.",
    ),
    _error(
        "message-type-unknown",
        "MessageTypes are among ServiceMessage, FaultMessage, AccountExpenses, SecurityMessage, "
        "ActivityMessage, ProductMessage.",
        "The directory knows no such message type: {detail}.",
        "Write any of ServiceMessage, FaultMessage, AccountExpenses, SecurityMessage, ActivityMessage, "
        "ProductMessage, parted by semicolons.",
    ),
    _error(
        "tick-unknown",
        "A column of one message type holds ticks and blanks.",
        "The cell is neither a tick nor blank.",
        "Write x where the person gets such messages, and leave the cell blank elsewhere.",
    ),
    _error(
        "no-tick",
        "At least one message type is ticked.",
        "No message type is ticked.",
        "Write x below each type of messages that the person gets.",
    ),
    _error(
        "name-clash",
        "A name stands for one contact in a file; names that differ only in letter case are the same.",
        "{detail}",
        _CLASH_HINT,
    ),
    _error(
        "name-taken",
        "A name that the ledger or the directory holds belongs to the address it has there.",
        "{detail}",
        "Give this contact another name; --on-clash suffix appends a letter to it.",
    ),
    _error(
        "encoding-doubtful",
        "An encoding that was guessed makes names that can be names.",
        "{detail}",
        "Name the right one with --encoding (gb18030, big5, shift_jis …), or the guessed one if the names read right.",
    ),
    _error(
        "file-refused",
        "With strict, a warning of the whole file rejects all its rows.",
        "The row itself is good, but the file as a whole has a warning, and those count.",
        "Mend what is said of the file, or leave --strict out.",
    ),
    # warnings: the row is taken, and wants a look
    _warning(
        "email-domain",
        "The domain of an address is no common misspelling of a well-known one.",
        "The domain looks like a misspelling of {detail}.",
        "Correct the address if so: a verification mail to a wrong one is lost and counts against the day.",
    ),
    _warning(
        "email-lookalike",
        "The domain of an address holds no letters that only look like English ones.",
        "The domain holds letters that look like English ones and are not: {detail}.",
        "Type the address anew with an English keyboard, unless the domain is really spelt so.",
    ),
    _warning(
        "email-undeliverable",
        "With check_domains, the domain of an address takes mail.",
        "No mail can be delivered to {detail}.",
        "Correct the address: a verification mail to it is lost and counts against the day.",
    ),
    _warning(
        "email-shared",
        "Each contact has an e-mail address of its own.",
        "Line {detail} has the same address for another contact.",
        "Both will be added; correct one of them if that is not meant.",
    ),
    _warning(
        "priority-number",
        "Priority is a whole number; higher ones go first.",
        "The priority is no whole number, so 0 is taken.",
        "Write a whole number, or leave the cell blank.",
    ),
    _warning(
        "changed-contact",
        "A contact that exists already is the same in the file.",
        "{detail}",
        "The contact stays as it is there; sync would change it.",
    ),
    # notes: what was repaired or decided
    _note(
        "apostrophe-escaped",
        "An apostrophe that keeps a spreadsheet program from computing a cell is no part of it.",
        "The apostrophe in front was left out.",
    ),
    _note(
        "invisible-characters",
        "Zero-width characters, marks of writing direction, byte order marks and control characters are left out.",
        "Invisible characters were left out.",
    ),
    _note(
        "full-width",
        "Full-width and other compatibility forms are read as the plain characters (Unicode NFKC).",
        "Full-width or other special forms were read as plain characters.",
    ),
    _note(
        "surrounding-blanks",
        "Blanks around a value are no part of it.",
        "Blanks around the value were left out.",
    ),
    _note(
        "name-fixed",
        "With fix_names, a name that does not fit is replaced by the one proposed for it.",
        "The name was made to fit: {detail}",
    ),
    _note(
        "domain-unasked",
        "With check_domains, the network tells whether the domain of an address takes mail.",
        "Nothing could be learned of {detail}.",
    ),
    _note(
        "value-spelling",
        "Titles and message types are read in any letter case, and with blanks, hyphens or underscores.",
        "Read as the directory spells it: {detail}",
    ),
    _note(
        "chinese-label",
        "Titles and message types are read in Chinese, as the console shows them.",
        "Read as the directory spells it: {detail}",
    ),
    _note(
        "repeated-type",
        "A message type that is named twice counts once.",
        "A message type is named more than once, and was taken once.",
    ),
    _note(
        "phone-format",
        "A mobile number without or with another spelling of its country code is written 86-1….",
        "Read as {detail}",
    ),
    _note(
        "duplicate-row",
        "A row that says the same as an earlier one is left out.",
        "The row says the same as line {detail}, and was left out.",
    ),
    _note(
        "clash-dropped",
        "With on-clash first, a row whose name an earlier contact has is left out.",
        "{detail} The row was left out.",
    ),
    _note(
        "name-suffixed",
        "With on-clash suffix, a row whose name an earlier contact has gets a letter appended.",
        "{detail}",
    ),
)

RULES: dict[str, Told] = {rule.id: rule for rule in _TABLE}

# What reading repairs in a cell of any column, in this order; `cells.repair` has a flag of this name for each.
REPAIRS = ("invisible-characters", "full-width", "apostrophe-escaped", "surrounding-blanks")
