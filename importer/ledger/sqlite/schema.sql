-- The ledger's schema, version 1. Times are milliseconds since the epoch, UTC; lists and objects are JSON text.

create table directories (
    id integer primary key,
    profile text not null,
    endpoint text not null,                    -- the host, or 'loopback' for a rehearsal
    lease_owner text,
    lease_token integer not null default 0,    -- the fencing token: grows with every owner
    concurrency integer,                       -- writes at once that it bore when it was last used
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

create index runs_by_directory on runs (directory, started_at);

create table sheets (                          -- a file as last staged for a directory
    id integer primary key,
    directory integer not null references directories,
    file text not null,
    sheet text,
    digest text not null,
    options text not null,
    clashes integer not null,
    headers text not null default '{}',        -- field → its header, where it is not the API's name
    rejected integer not null default 0,       -- how many of its rows are in each place
    duplicate integer not null default 0,
    accepted integer not null default 0,
    modified integer,                          -- when the file was last written, at its last sync
    synced integer,                            -- rows of the last sync whose file was trusted
    run text not null,
    staged_at integer not null,
    unique (directory, file)
) strict;

create table contacts (
    id integer primary key,
    directory integer not null,                -- no reference, nor further down: the lease of each write proves it
    key text not null,                         -- the folded name
    name text not null,
    email_address text not null,
    phone_number text,
    title text not null,
    message_types text not null,
    state text not null,                       -- derived from the operations, in the same transaction
    contact_id text,
    adopted integer not null default 0,
    stranger integer not null default 0,       -- 1: met in the directory, neither added nor asked for by a file
    missing_since integer,                     -- of the first sync in which no file asked for it any more
    verified_at integer,                       -- when the directory was first seen to call it verified
    updated_at integer not null
) strict;

-- Named, not a constraint: a first staging drops it and builds it again, sorted, in a third of the time.
create unique index contacts_by_key on contacts (directory, key);
create index contacts_watched on contacts (directory) where missing_since is not null or stranger = 1;

create table rows (
    sheet integer not null,                    -- no reference: it is written down with them
    line integer not null,
    place text not null,                       -- accepted, rejected, duplicate: each row is in exactly one
    contact integer,                           -- no reference: checking it would want an index on every row
    cells text,                                -- the row as written, where the contact's values do not say the same
    findings text,
    primary key (sheet, line)
) strict, without rowid;

create table operations (
    id integer primary key,
    directory integer not null,
    contact integer not null,                  -- no reference, as everywhere in large tables: each row's check costs time
    kind text not null,
    status text not null,
    rank integer not null,                     -- its turn: the sheet's number, then the place of the row in it
    reminder integer not null default 0,       -- of a send: how many went to the silent contact before it
    claimed_at integer,                        -- when the intent became durable
    not_before integer,
    reason text,
    tries integer not null default 0,
    doubts integer not null default 0,
    wanted text,                               -- of an update: field → what it was, what it shall be; and so the key
    code text,
    message text,
    request_id text,
    updated_at integer not null
) strict;

create index operations_by_contact on operations (contact);
create index operations_pending on operations (directory, kind, rank, not_before) where status = 'pending';
create index operations_in_flight on operations (directory) where status = 'in_flight';
create index operations_in_doubt on operations (directory) where status = 'in_doubt';

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
    where kind = 'send_email_verification' and outcome in ('done', 'doubt');
create index attempts_of_messages on attempts (directory, started_at)
    where kind = 'send_phone_verification' and outcome in ('done', 'doubt');
create index attempts_of_refusals on attempts (directory, started_at) where outcome = 'daily';

create table deferrals (                       -- why a kind of operation waits in a directory
    directory integer not null references directories,
    kind text not null,
    reason text not null,
    until integer,
    primary key (directory, kind)
) strict, without rowid;

create table shares (                          -- limits that directories share
    name text primary key,
    leased_until integer not null              -- the next slice begins here, or now if that is later
) strict, without rowid;

-- How many there are of each, kept as they change, so that no report has to count millions.
-- What is inserted or deleted is counted by the verb that does it, many at once; what changes, by these triggers.
create table tallies (
    directory integer not null references directories,
    what text not null,                        -- contact, adopted, or an operation's kind
    word text not null,                        -- the contact's state or the operation's status
    n integer not null,
    primary key (directory, what, word)
) strict, without rowid;

create trigger contacts_tallied after update of state on contacts when new.state is not old.state
begin
    update tallies set n = n - 1 where directory = old.directory and what = 'contact' and word = old.state;
    insert into tallies values (new.directory, 'contact', new.state, 1) on conflict do update set n = n + 1;
end;

create trigger contacts_adopted after update of adopted on contacts when new.adopted is not old.adopted
begin
    insert into tallies values (new.directory, 'adopted', '', new.adopted - old.adopted)
        on conflict do update set n = n + excluded.n;
end;

create trigger operations_tallied after update of status on operations when new.status is not old.status
begin
    update tallies set n = n - 1 where directory = old.directory and what = old.kind and word = old.status;
    insert into tallies values (new.directory, new.kind, new.status, 1) on conflict do update set n = n + 1;
end;
