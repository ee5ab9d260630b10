//! What stands below the options in the helps.

macro_rules! exits {
    () => {
        "\n\nExit codes:
  0    done
  1    failed, or not in time
  2    the command makes no sense
  4    there is no such indexer
  5    not permitted, or not authenticated
  69   no coordinator answers, or what it needs for that is away
  130  interrupted by Ctrl-C
  141  the reader of the output went away"
    };
}

macro_rules! examples {
    ($name:ident, $long:ident, $text:literal) => {
        pub(super) const $name: &str = concat!("Examples:\n", $text);
        pub(super) const $long: &str = concat!("Examples:\n", $text, exits!());
    };
}

examples!(
    LIST,
    LIST_LONG,
    "  coordinator list                                   all indexers
  coordinator list --troubled -o wide                what is not as wanted, with versions
  coordinator list --phase repairing -o name | coordinator retry -"
);
examples!(
    GET,
    GET_LONG,
    "  coordinator get alice.near/feed                    what is known about it
  coordinator get -n alice.near feed stats -o json   two of an account, for programs"
);
examples!(
    ENABLE,
    ENABLE_LONG,
    "  coordinator enable alice.near/feed                 let it run
  coordinator enable alice.near/feed --wait          and wait until it does
  coordinator list -n alice.near -o name | coordinator enable - --yes"
);
examples!(
    DISABLE,
    DISABLE_LONG,
    "  coordinator disable alice.near/feed                keep it from running
  coordinator disable alice.near/feed --wait         and wait until it is suspended
  coordinator disable -n alice.near feed stats --dry-run"
);
examples!(
    RETRY,
    RETRY_LONG,
    "  coordinator retry alice.near/feed                  try again at once
  coordinator list --troubled -o name | coordinator retry --stdin"
);
examples!(
    HOLD,
    HOLD_LONG,
    "  coordinator hold alice.near/feed --reason 'database migration until 14:00'
  coordinator hold -n alice.near feed stats --reason 'investigating' --yes"
);
examples!(
    RELEASE,
    RELEASE_LONG,
    "  coordinator release alice.near/feed                look after it again
  coordinator release alice.near/feed --wait"
);
examples!(
    WATCH,
    WATCH_LONG,
    "  coordinator watch                                  what there is, then every change
  coordinator watch --troubled                       only what is not as wanted
  coordinator watch --changes-only -o jsonl          one JSON object a line, for programs"
);
examples!(
    EXPLAIN,
    EXPLAIN_LONG,
    "  coordinator explain alice.near/feed                why it is where it is
  coordinator explain alice.near feed -o json"
);
examples!(
    WAIT,
    WAIT_LONG,
    "  coordinator wait alice.near/feed --for running --timeout 5m
  coordinator wait alice.near/feed --for state=Steady --allow-missing
  coordinator wait alice.near/feed --for gone"
);
examples!(
    OVERVIEW,
    OVERVIEW_LONG,
    "  coordinator overview                               how the whole stands
  coordinator overview -o json                       for programs"
);
examples!(
    SHADOW,
    SHADOW_LONG,
    "  coordinator shadow --disagreements                 where it would act differently
  coordinator shadow --check                         exit code 1 if it cannot vouch for all"
);
