//! The oracles in words.

use serde::Serialize;

/// What an oracle judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Property {
    /// Its id, as scenarios and verdicts name it.
    pub id: &'static str,
    /// The property in a few words.
    pub name: &'static str,
    /// The property in full.
    pub words: &'static str,
}

const fn property(id: &'static str, name: &'static str, words: &'static str) -> Property {
    Property { id, name, words }
}

/// Numbers that no oracle has, and why.
pub const UNUSED: &[(&str, &str)] = &[
    (
        "S13",
        "It stood for this: whoever calls the admin API is known, may do so, and is written down. \
         No run has users with credentials; the tests of the crates `security` and `admin-api` \
         cover it.",
    ),
    (
        "L7",
        "It stood for this: soon after a lease ends somebody else leads. There is no lease; what \
         two coordinators may do beside each other is S3.",
    ),
];

/// All oracles, in the order of [`crate::scenario::ORACLES`].
pub const PROPERTIES: &[Property] = &[
    property(
        "S1",
        "one stream",
        "An indexer has at most one live stream, tasks that no call can reach included.",
    ),
    property(
        "S2",
        "one executor",
        "An indexer has at most one live worker, those that no call can reach included.",
    ),
    property(
        "S3",
        "a bounded overlap",
        "After another coordinator has written an indexer's record, a coordinator that was \
         replaced sends at most one more call that changes that indexer's world before it has \
         read the record again, and none if it was frozen for five minutes or longer; and no \
         write replaces a record that its writer had not read. \
         There is no lease: nodes carry out what any coordinator sends.",
    ),
    property(
        "S4",
        "no resurrection",
        "What is started was wanted shortly before the call was sent: registered in that \
         version, and not disabled. A deletion that was carried out is not undone.",
    ),
    property(
        "S5",
        "versions go forward",
        "Within one registration life, a call that is sent later never carries an older version, \
         however old the registry's answers are.",
    ),
    property(
        "S6",
        "destruction has a reason",
        "A stop, and the clearing of queue and cursor, is sent only for what is not wanted, is \
         sick, or is not of the run that the record tells of.",
    ),
    property(
        "S7",
        "deletion has a proof",
        "A record enters deletion, or is removed, only on an explicit tombstone in the registry: \
         never on null, an error, an empty listing or an entry that cannot be read.",
    ),
    property(
        "S8",
        "the record is honest",
        "A written record can be read, its phase may follow the one before, a failure that it \
         tells of happened, and a call that changes the world is allowed in the phase that is \
         persisted when it is sent.",
    ),
    property(
        "S9",
        "commands are kept",
        "Once an operator's command is acknowledged the record stands as it says, and nothing is \
         done to an indexer that is held.",
    ),
    property(
        "S10",
        "isolation",
        "What a call brings about belongs to the indexer that the call names, and what befalls \
         one indexer changes nothing for those it shares no data layer with. The second half is \
         judged by `cargo sim sweep`.",
    ),
    property(
        "S11",
        "no foreign code",
        "A block that was published under one version is executed by that version's code only.",
    ),
    property(
        "S12",
        "bounded rates",
        "Calls and writes per indexer and minute stay within what backoff and wishes allow, and \
         all starts together stay near the start budget.",
    ),
    property(
        "S14",
        "no panic",
        "Product code does not panic, whatever it is told.",
    ),
    property(
        "S15",
        "order of a change",
        "Between two versions both old parts are gone before queue and cursor are cleared; then \
         the new executor comes before the new stream.",
    ),
    property(
        "S16",
        "no shared fate at start-up",
        "A record that cannot be read keeps nobody else from being looked after when a \
         coordinator starts.",
    ),
    property(
        "S17",
        "one task per account",
        "No data layer task begins while another one of the same account runs.",
    ),
    property(
        "S18",
        "a shadow changes nothing",
        "Whatever a coordinator in shadow mode sends leaves the world as it is.",
    ),
    property(
        "L1",
        "convergence, then silence",
        "Within a bound computed from the coordinator's own constants the healed world is as \
         wanted; then no call changes anything and no record is written.",
    ),
    property(
        "L2",
        "nothing is left behind",
        "Of a deleted indexer nothing remains: no stream, executor, worker, queue, cursor or \
         record.",
    ),
    property(
        "L3",
        "no dead end",
        "Every phase has a way out: no record stays in one phase all the time of healing without \
         having given up.",
    ),
    property(
        "L4",
        "changes come first",
        "A change of what is wanted, or a command, leads to a call that changes something within \
         two seconds of being heard of, in every phase and every wait; the end of a data layer \
         task is noted.",
    ),
    property(
        "L5",
        "fairness",
        "Of many changes none waits longer than its share of the start budget explains, and what \
         is held keeps nobody else waiting.",
    ),
    property(
        "L6",
        "a crash is a restart",
        "For each effect of a run, crashing the coordinator there leaves the same world in the \
         end. Judged by `cargo sim equivalence`.",
    ),
    property(
        "L8",
        "quiet reads",
        "With nothing to do the coordinator issues only its shared polls.",
    ),
    property(
        "L9",
        "a shadow agrees",
        "In a settled world a coordinator in shadow mode would do nothing, and nothing that is \
         done surprises it.",
    ),
    property(
        "P1",
        "no block is lost",
        "Every block from the start of a version that matches its rule is executed by that \
         version's code, unless a later version begins anew.",
    ),
    property(
        "P2",
        "bounded repetition",
        "A block is executed once, and again only as often as restarts explain; in the silent \
         part of a run not at all.",
    ),
    property(
        "P3",
        "where streams begin",
        "A stream begins at its run's start, or goes on where the last stream of the same run \
         stopped; never from another life.",
    ),
    property(
        "P4",
        "suspended is suspended",
        "Nothing is executed while an indexer is suspended.",
    ),
    property(
        "P5",
        "ascending heights",
        "One worker executes the blocks of one stream in ascending order.",
    ),
    property(
        "P6",
        "static stability",
        "While registry, store or coordinator are away nothing healthy is stopped, nor, while \
         the store takes no writes, for a version that could not follow; and a \
         coordinator that returns to a world that is as wanted changes nothing, in whatever \
         form other programs have left the records.",
    ),
];
