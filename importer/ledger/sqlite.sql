-- The ledger's schema, version 1. Times are milliseconds since the epoch, UTC; lists and objects are JSON text.

create table directories (
    id integer primary key,
    profile text not null,
    endpoint text not null,                    -- the host, or 'loopback' for a rehearsal
    lease_owner text,
    lease_token integer not null default 0,    -- the fencing token: grows with every owner
    lease_since integer,
    lease_until integer,
    unique (profile, endpoint)
) strict;

create table runs (
    id text primary key,
    directory integer not null references directories,
    command text not null,
    file text not null,
    digest text not null,
    token integer not null,
    started_at integer not null,
    ended_at integer,
    exit_code integer,
    totals text
) strict, without rowid;

create table sheets (                          -- a file as last staged for a directory
    id integer primary key,
    directory integer not null references directories,
    file text not null,
    sheet text,
    digest text not null,
    options text not null,
    clashes integer not null,
    run text not null,
    staged_at integer not null,
    unique (directory, file)
) strict;

create table contacts (
    id integer primary key,
    directory integer not null references directories,
    key text not null,                         -- the folded name
    name text not null,
    email_address text not null,
    phone_number text,
    title text not null,
    message_types text not null,
    state text not null,                       -- derived from the operations, in the same transaction
    contact_id text,
    adopted integer not null default 0,
    updated_at integer not null,
    unique (directory, key)
) strict;

create index contacts_by_state on contacts (directory, state, adopted);

create table rows (
    sheet integer not null references sheets,
    line integer not null,
    place text not null,                       -- accepted, rejected, duplicate: each row is in exactly one
    contact integer references contacts,
    cells text,                                -- the row as written, where the contact's values do not say the same
    findings text,
    primary key (sheet, line)
) strict, without rowid;

create table operations (
    id integer primary key,                    -- grows in the order of the file
    directory integer not null references directories,
    contact integer not null references contacts,
    kind text not null,
    status text not null,
    claimed_at integer,                        -- when the intent became durable
    not_before integer,
    reason text,
    tries integer not null default 0,
    doubts integer not null default 0,
    code text,
    message text,
    request_id text,
    updated_at integer not null
) strict;

create index operations_open on operations (directory, kind, status, id)
    where status in ('pending', 'in_flight', 'in_doubt');
create index operations_by_contact on operations (contact, kind);

create table attempts (                        -- one call on the wire; only ever appended to
    id integer primary key,
    operation integer not null references operations,
    directory integer not null references directories,
    kind text not null,
    run text,
    started_at integer not null,
    ended_at integer not null,
    outcome text not null,
    code text not null,
    message text,
    http_status integer,
    request_id text,
    observed integer not null default 0        -- 1: learned too late to change the operation
) strict;

create index attempts_by_operation on attempts (operation);
create index attempts_of_sends on attempts (directory, started_at)
    where kind = 'send_email_verification' and outcome in ('done', 'doubt', 'resend');

create table deferrals (                       -- why a kind of operation waits in a directory
    directory integer not null references directories,
    kind text not null,
    reason text not null,
    until integer,
    primary key (directory, kind)
) strict, without rowid;
