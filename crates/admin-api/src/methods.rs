//! Every method there is, and what it takes to call it.

use security::{Access, Role};

/// One method.
#[derive(Debug)]
pub(crate) struct Method {
    /// `/package.Service/Method`.
    pub path: &'static str,
    /// The role it takes.
    pub role: Role,
    /// What it is called in the audit log, if it changes something.
    pub command: Option<&'static str>,
    /// How much an answer may weigh.
    pub answer: Weight,
}

/// How much an answer may weigh before it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// One indexer at most.
    Small,
    /// A page, or at first a list of everything.
    Page,
    /// Small ones one after another, as long as the client asks: what is being made and
    /// what is on its way weighs as much at any time.
    Talk,
    /// A stream, which is made as it is read.
    Stream,
    /// A stream that is open to everybody: of these there may be so many.
    OpenStream,
}

const fn reads(path: &'static str, answer: Weight) -> Method {
    Method {
        path,
        role: Role::Read,
        command: None,
        answer,
    }
}

const fn changes(path: &'static str, command: &'static str) -> Method {
    Method {
        path,
        role: Role::Operate,
        command: Some(command),
        answer: Weight::Small,
    }
}

/// The methods of our services.
pub(crate) const METHODS: [Method; 13] = [
    changes("/indexer.IndexerManager/Enable", "enable"),
    changes("/indexer.IndexerManager/Disable", "disable"),
    reads("/indexer.IndexerManager/List", Weight::Page),
    reads("/coordinator.v1.Operations/GetIndexer", Weight::Small),
    reads("/coordinator.v1.Operations/ListIndexers", Weight::Page),
    reads("/coordinator.v1.Operations/WatchIndexers", Weight::Stream),
    changes("/coordinator.v1.Operations/EnableIndexer", "enable"),
    changes("/coordinator.v1.Operations/DisableIndexer", "disable"),
    changes("/coordinator.v1.Operations/RetryIndexer", "retry"),
    changes("/coordinator.v1.Operations/HoldIndexer", "hold"),
    changes("/coordinator.v1.Operations/ReleaseIndexer", "release"),
    reads("/coordinator.v1.Operations/GetOverview", Weight::Small),
    reads("/coordinator.v1.Operations/GetShadowReport", Weight::Page),
];

/// What an observer is told of calls that are not ours: probes, reflection, and
/// what there is not.
pub(crate) const OTHER: &str = "other";

/// Every method that an [`crate::Observer`] is told of, by the names it is told.
pub fn observed() -> impl Iterator<Item = &'static str> {
    METHODS.iter().map(|method| method.path).chain([OTHER])
}

/// How the paths of the original's service begin.
pub(crate) const MANAGER: &str = "/indexer.IndexerManager/";

const HEALTH: &str = "/grpc.health.v1.Health/";
const REFLECTION: &str = "/grpc.reflection.";

/// The method at `path`, if it is ours.
pub(crate) fn method(path: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.path == path)
}

/// How much the answer to a request to `path` may weigh.
pub(crate) fn weight(path: &str) -> Weight {
    match method(path) {
        Some(method) => method.answer,
        None if path.starts_with(HEALTH) && path.ends_with("/Watch") => Weight::OpenStream,
        None if path.starts_with(REFLECTION) => Weight::Talk,
        None => Weight::Small,
    }
}

/// What a request to `path` takes. What is unknown takes the most: a method that
/// is served but was forgotten here is not open to readers.
pub(crate) fn access(path: &str) -> Access {
    match method(path) {
        Some(method) => Access::Needs(method.role),
        // A probe has no credentials.
        None if path.starts_with(HEALTH) => Access::Open,
        None if path.starts_with(REFLECTION) => Access::Needs(Role::Read),
        None => Access::Needs(Role::Operate),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;

    #[test]
    fn every_method_that_is_declared_is_here_and_no_other() {
        let files = FileDescriptorSet::decode(proto::FILE_DESCRIPTOR_SET).unwrap();
        let mut declared = BTreeSet::new();
        for file in &files.file {
            if !["indexer", "coordinator.v1"].contains(&file.package()) {
                continue;
            }
            for service in &file.service {
                for method in &service.method {
                    let (package, service) = (file.package(), service.name());
                    declared.insert(format!("/{package}.{service}/{}", method.name()));
                }
            }
        }
        let known: BTreeSet<_> = METHODS
            .iter()
            .map(|method| method.path.to_owned())
            .collect();
        assert_eq!(known, declared);
        assert_eq!(known.len(), METHODS.len());
    }

    #[test]
    fn what_changes_something_takes_an_operator_and_is_audited() {
        let reading = ["Get", "List", "Watch"];
        for method in &METHODS {
            let name = method.path.rsplit('/').next().unwrap();
            let reads = reading.iter().any(|verb| name.starts_with(verb));
            assert_eq!(method.command.is_none(), reads, "{name}");
            assert_eq!(method.role == Role::Read, reads, "{name}");
        }
    }

    #[test]
    fn streams_hold_no_room_while_they_are_silent() {
        assert_eq!(weight("/grpc.health.v1.Health/Watch"), Weight::OpenStream);
        assert_eq!(weight("/grpc.health.v1.Health/Check"), Weight::Small);
        assert_eq!(
            weight("/coordinator.v1.Operations/WatchIndexers"),
            Weight::Stream
        );
        assert_eq!(weight("/indexer.IndexerManager/List"), Weight::Page);
        assert_eq!(weight("/no.Such/Method"), Weight::Small);
        for version in ["v1", "v1alpha"] {
            let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
            assert_eq!(weight(&path), Weight::Talk);
        }
    }

    #[test]
    fn what_is_unknown_takes_the_most() {
        assert_eq!(access("/grpc.health.v1.Health/Check"), Access::Open);
        let reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
        assert_eq!(access(reflection), Access::Needs(Role::Read));
        for path in [
            "",
            "/",
            "/coordinator.v1.Operations/New",
            "/grpc.health.v2.Health/Check",
        ] {
            assert_eq!(access(path), Access::Needs(Role::Operate), "{path}");
        }
    }
}
