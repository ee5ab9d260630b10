//! Situations that somebody thought of: what generated families do not cover.
//!
//! They are seen from outside, in what really happens; the product knows nothing of
//! them. Whoever adds one writes its line here and lets a detector in
//! `oracle::situations` name it; a name that is not listed here fails the coverage.

/// Every situation with its sentence. The order is that of reports.
pub const SITUATIONS: &[(&str, &str)] = &[
    (
        "registration",
        "An indexer is registered for the first time, or anew.",
    ),
    ("update", "An indexer is updated."),
    ("re-registration", "A deleted indexer is registered again."),
    (
        "registered to continue",
        "A registration asks to go on where the last version stopped.",
    ),
    (
        "registry deletion",
        "An indexer is deleted in the registry.",
    ),
    (
        "command acknowledged",
        "An operator's command is acknowledged.",
    ),
    ("command failed", "An operator's command fails."),
    ("hold acknowledged", "A hold is acknowledged."),
    ("release acknowledged", "A release is acknowledged."),
    ("retry acknowledged", "A retry is acknowledged."),
    (
        "effect after a release",
        "Something is done to an indexer that was held before.",
    ),
    (
        "effect of an outdated coordinator",
        "A coordinator that was replaced changes something.",
    ),
    ("coordinator started", "The coordinator starts."),
    ("coordinator crashed", "The coordinator dies at once."),
    ("record removed", "A record is removed."),
    ("record tampered", "A record is changed by hand."),
    ("data cleared", "Queue and cursor are cleared."),
    ("store lost everything", "The store restarts with nothing."),
    ("store lost its tail", "The store forgets its last writes."),
    (
        "block failed",
        "A block cannot be executed at the first try.",
    ),
    ("duplicate execution", "A block is executed more than once."),
    (
        "orphan stream",
        "A stream's task runs on that no call can reach.",
    ),
    ("orphan worker", "A worker runs that no call can reach."),
    (
        "stream cancelled",
        "A stream's task ends because it was stopped.",
    ),
    (
        "stream ended by Redis",
        "A stream's task ends because of an error of Redis.",
    ),
    ("stream panicked", "A stream's task panics."),
    (
        "stream died with its node",
        "A stream's task dies with its node.",
    ),
    ("worker terminated", "A worker ends because it was stopped."),
    ("worker crashed", "A worker ends by itself."),
    ("worker died with its node", "A worker dies with its node."),
    ("data layer task complete", "A data layer task succeeds."),
    ("data layer task failed", "A data layer task fails."),
    (
        "data layer task died with its node",
        "A data layer task dies with its node.",
    ),
    (
        "judged L5 of a hold",
        "While somebody is held, somebody else is looked after in time.",
    ),
    (
        "judged L4 of a task",
        "A data layer task ended, and what the record says of it is judged.",
    ),
    (
        "judged S8 of a failure",
        "A record tells of a failure in calm times: judged.",
    ),
    (
        "judged P6 in an outage",
        "Something is stopped while store or registry are away: judged.",
    ),
    (
        "two updates in one block",
        "Two contents of one indexer share one version.",
    ),
    (
        "update to an older version's content",
        "An indexer goes back to a content that it had before.",
    ),
    (
        "updated while provisioned",
        "A new version comes while the data layer is created.",
    ),
    (
        "updated while repairing",
        "A new version comes while something is repaired.",
    ),
    (
        "updated while suspended",
        "A new version comes while the indexer is disabled.",
    ),
    (
        "updated while held",
        "A new version comes while the indexer is held.",
    ),
    (
        "updated before its queue was empty",
        "A new version comes while blocks of the last one wait.",
    ),
    (
        "updated before the last update was prepared",
        "A new version comes before the data of the last one was cleared.",
    ),
    (
        "deleted before it ever ran",
        "An indexer is deleted before it has executed a block or run a stream.",
    ),
    (
        "deleted while provisioned",
        "An indexer is deleted while its data layer is created.",
    ),
    (
        "deleted while repairing",
        "An indexer is deleted while something is repaired.",
    ),
    (
        "deleted while suspended",
        "An indexer is deleted while it is disabled.",
    ),
    (
        "deleted while held",
        "An indexer is deleted while it is held.",
    ),
    (
        "deleted while streamer and runner are down",
        "An indexer is deleted while nothing of it can be stopped.",
    ),
    (
        "registered again while deleting",
        "An indexer comes back while it is still being removed.",
    ),
    (
        "disabled while provisioned",
        "An indexer is disabled while its data layer is created.",
    ),
    (
        "disabled while repairing",
        "An indexer is disabled while something is repaired.",
    ),
    (
        "enabled while suspending",
        "An indexer is enabled before it has come to rest.",
    ),
    (
        "switched off and on within a second",
        "An indexer is enabled within a second of being disabled.",
    ),
    (
        "held while provisioned",
        "An indexer is held while its data layer is created.",
    ),
    (
        "held while repairing",
        "An indexer is held while something is repaired.",
    ),
    (
        "command while the store is away",
        "An operator gives a command that cannot be recorded.",
    ),
    (
        "command while the coordinator dies",
        "A coordinator dies before it has answered an operator.",
    ),
    (
        "effect done, answer never heard",
        "Something is done, and the coordinator never learns of it.",
    ),
    (
        "effect after its sender gave up",
        "A request is carried out after its deadline.",
    ),
    (
        "effect of a dead coordinator",
        "A request of an earlier life is carried out.",
    ),
    ("effect done twice", "One request is carried out twice."),
    (
        "start refused: it exists",
        "What is to be started is there already.",
    ),
    ("stop refused", "A service refuses to stop something."),
    (
        "start refused by a quota",
        "A service refuses to start something for want of room.",
    ),
    (
        "stale listing after one's own action",
        "A listing shows what was before the coordinator's last action.",
    ),
    (
        "partial listing of what runs",
        "A listing of a service lacks entries.",
    ),
    (
        "registry listing without many that were there",
        "The registry lists fewer than are registered.",
    ),
    (
        "registry older than what runs",
        "The registry answers with what was before the last change.",
    ),
    (
        "crash between an effect and its record",
        "The coordinator dies after an effect and before the record of it.",
    ),
    (
        "crash with a task that nobody knows",
        "The coordinator dies while a task runs whose id is not recorded.",
    ),
    (
        "crash with a task that is recorded",
        "The coordinator dies while a task runs whose id is recorded.",
    ),
    (
        "crash while deleting",
        "The coordinator dies while an indexer is removed.",
    ),
    (
        "crash while suspending",
        "The coordinator dies while an indexer is stopped.",
    ),
    (
        "crash while repairing",
        "The coordinator dies while something is repaired.",
    ),
    (
        "crash before the data of a version is cleared",
        "The coordinator dies between the decision for a version and its first stream.",
    ),
    (
        "task adopted after a restart",
        "A task that an earlier life started is followed to its end, and no second one is started.",
    ),
    (
        "second task for one indexer",
        "A task is started after another one of the same indexer did not succeed.",
    ),
    (
        "coordinator dies while another node is down",
        "The coordinator dies while a service is down.",
    ),
    (
        "coordinator starts without a store",
        "The coordinator starts while the store is down.",
    ),
    (
        "coordinator starts without a registry",
        "The coordinator starts while the registry is down.",
    ),
    (
        "coordinator starts without services",
        "The coordinator starts while block streamer or runner are down.",
    ),
    (
        "runner dies while an executor starts",
        "The runner dies between a start and the worker.",
    ),
    (
        "runner dies during a data layer task",
        "The runner dies and takes a data layer task with it.",
    ),
    (
        "block streamer dies during a change of version",
        "The block streamer dies while old parts are still to be stopped.",
    ),
    (
        "store dies during a change of version",
        "The store goes away before the data of the last version was cleared.",
    ),
    (
        "store lost the record of what runs",
        "The store forgets the record of an indexer that runs.",
    ),
    (
        "store lost a cursor",
        "The store forgets where a stream stood.",
    ),
    (
        "unreadable record read again",
        "A record that could not be read is a record again.",
    ),
    (
        "two writes of one record under way",
        "Two compare-and-sets of one record are under way at a time.",
    ),
    (
        "stream and executor sick together",
        "Both halves of an indexer are unwell at a time.",
    ),
    (
        "executor fails on one block for long",
        "An executor fails on the same block again and again.",
    ),
    (
        "repaired at the second try or later",
        "A repair succeeds after it has failed before.",
    ),
    ("gave up", "A repair is not tried any more."),
    (
        "gave up, mended by an update",
        "What was given up is tried again after an update.",
    ),
    (
        "gave up, mended by an operator",
        "What was given up is tried again after an operator ordered it.",
    ),
    (
        "account waits for its other task",
        "Two indexers of one account want a data layer at a time.",
    ),
    (
        "twenty starts within a minute",
        "Many indexers are started in a short time.",
    ),
    (
        "coordinator frozen during a change",
        "The coordinator is frozen while something is not as wanted.",
    ),
    (
        "coordinator thawed after a change",
        "What is wanted changed while the coordinator was frozen.",
    ),
    (
        "second coordinator beside a change",
        "What is wanted changes while two coordinators run.",
    ),
    (
        "deleted with queue and cursor",
        "An indexer is deleted that has both, and both are to go.",
    ),
    (
        "silence with a suspended indexer",
        "Nothing is done while somebody is disabled.",
    ),
    (
        "silence with something given up",
        "Nothing is done while somebody waits for an operator.",
    ),
    (
        "silence with several versions behind",
        "Nothing is done after an indexer went through three versions.",
    ),
    (
        "many lives of the coordinator",
        "A run sees ten lives of the coordinator.",
    ),
];

/// What is counted when an oracle has something to judge: its id, and the mark.
pub const JUDGED: &[(&str, &str)] = &[
    ("S1", "judged S1"),
    ("S2", "judged S2"),
    ("S3", "judged S3"),
    ("S4", "judged S4"),
    ("S5", "judged S5"),
    ("S6", "judged S6"),
    ("S7", "judged S7"),
    ("S8", "judged S8"),
    ("S9", "judged S9"),
    ("S10", "judged S10"),
    ("S11", "judged S11"),
    ("S12", "judged S12"),
    ("S14", "judged S14"),
    ("S15", "judged S15"),
    ("S16", "judged S16"),
    ("S17", "judged S17"),
    ("S18", "judged S18"),
    ("L1", "judged L1"),
    ("L2", "judged L2"),
    ("L3", "judged L3"),
    ("L4", "judged L4"),
    ("L5", "judged L5"),
    ("L6", "judged L6"),
    ("L8", "judged L8"),
    ("L9", "judged L9"),
    ("P1", "judged P1"),
    ("P2", "judged P2"),
    ("P3", "judged P3"),
    ("P4", "judged P4"),
    ("P5", "judged P5"),
    ("P6", "judged P6"),
];

/// The mark of an oracle; what it is called without an entry is no mark.
pub fn judged(id: &str) -> &'static str {
    let found = JUDGED.iter().find(|(oracle, _)| *oracle == id);
    found.map_or("judged something unknown", |(_, mark)| *mark)
}
