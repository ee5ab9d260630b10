//! Changed files take effect; broken ones change nothing.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use security::{
    ClientRoles, LoadError, Outcome, PeerCertificate, Protocols, Role, ServerTls, Tokens, Watched,
    watch,
};
use tokio_util::sync::CancellationToken;

use crate::pki::{Authority, Folder, InYear, write};

const ALICE: &str = "alice-has-a-long-token";
const BOB: &str = "bob-has-another-long-token";

fn is_known(tokens: &Tokens, token: &str) -> bool {
    tokens.current().verify(token.as_bytes()).is_some()
}

#[test]
fn tokens_change_when_the_file_does_and_stays_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens");
    write(&path, &format!("read alice {ALICE}\n"));
    let tokens = Tokens::load(&path).unwrap();
    assert_eq!(tokens.poll(), Outcome::Unchanged);
    write(&path, &format!("read bob {BOB}\n"));
    assert_eq!(tokens.poll(), Outcome::Settling);
    assert!(is_known(&tokens, ALICE));
    let change = "bob may read now; alice has none any more".to_owned();
    assert_eq!(tokens.poll(), Outcome::Replaced(change));
    assert!(is_known(&tokens, BOB) && !is_known(&tokens, ALICE));
    assert_eq!(tokens.poll(), Outcome::Unchanged);
}

#[test]
fn a_file_that_is_being_written_is_not_used_half() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens");
    write(&path, &format!("read alice {ALICE}\n"));
    let tokens = Tokens::load(&path).unwrap();
    for length in 0..8 {
        fs::write(&path, format!("read bob {}", &BOB[..17 + length])).unwrap();
        assert_eq!(tokens.poll(), Outcome::Settling);
    }
    assert!(is_known(&tokens, ALICE));
    // An operator who asks for it gets it at once.
    assert!(matches!(tokens.reload(), Outcome::Replaced(_)));
}

#[test]
fn a_broken_file_keeps_the_old_tokens_and_says_so_until_it_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens");
    let good = format!("read alice {ALICE}\n");
    write(&path, &good);
    let tokens = Tokens::load(&path).unwrap();
    for broken in ["", "read alice short\n", "\u{0}", &"#".repeat(300 * 1024)] {
        write(&path, broken);
        let Outcome::Kept(why) = tokens.reload() else {
            panic!("{broken} is in force");
        };
        assert!(why.starts_with("the token file "), "{why}");
        assert_eq!(tokens.failure(), Some(why));
        assert!(is_known(&tokens, ALICE));
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(tokens.poll(), Outcome::Settling);
    assert!(matches!(tokens.poll(), Outcome::Kept(_)));
    fs::create_dir(&path).unwrap();
    assert!(matches!(tokens.poll(), Outcome::Kept(_)));
    fs::remove_dir(&path).unwrap();
    write(&path, &good);
    assert_eq!(tokens.poll(), Outcome::Unchanged);
    assert_eq!(tokens.failure(), None);
}

#[test]
fn nothing_starts_with_a_broken_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens");
    assert!(matches!(
        Tokens::load(&path),
        Err(LoadError::Unreadable { .. })
    ));
    write(&path, "read alice topsecrettopsecret!\n");
    let error = Tokens::load(&path).err().unwrap().to_string();
    assert!(error.contains("line 1: a token has"), "{error}");
    assert!(!error.contains("topsecret"), "{error}");
    write(&path, &"#".repeat(300 * 1024));
    assert!(matches!(
        Tokens::load(&path),
        Err(LoadError::TooLarge { .. })
    ));
}

#[test]
fn client_roles_change_with_their_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roles");
    write(&path, "read cn:alice\n");
    let roles = ClientRoles::load(&path, None).unwrap();
    let alice = PeerCertificate {
        common_name: Some("alice".to_owned()),
        ..PeerCertificate::default()
    };
    assert_eq!(roles.current().role(&alice), Some(Role::Read));
    write(&path, "none cn:alice\nread cn:*\n");
    assert!(matches!(roles.reload(), Outcome::Replaced(_)));
    assert_eq!(roles.current().role(&alice), None);
    write(&path, "operate alice\n");
    assert!(matches!(roles.reload(), Outcome::Kept(_)));
    assert_eq!(roles.current().role(&alice), None);
}

#[tokio::test(start_paused = true)]
async fn files_are_watched_until_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens");
    write(&path, &format!("read alice {ALICE}\n"));
    let tokens = Arc::new(Tokens::load(&path).unwrap());
    let period = Duration::from_secs(5);
    let shutdown = CancellationToken::new();
    let watching = tokio::spawn(watch(vec![tokens.clone()], period, shutdown.clone()));
    // What a mounted secret looks like: a link that is moved.
    let real = folder.path().join("data-2");
    write(&real, &format!("read bob {BOB}\n"));
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&real, &link).unwrap();
    fs::rename(&link, &path).unwrap();
    for _ in 0..10 {
        tokio::time::sleep(period).await;
        if is_known(&tokens, BOB) {
            break;
        }
    }
    assert!(is_known(&tokens, BOB));
    shutdown.cancel();
    watching.await.unwrap();
}

#[test]
fn a_certificate_waits_for_its_key() {
    let authority = Authority::new("ca");
    let folder = Folder::new(&authority.server(), None);
    let tls = folder.load(None);
    let before = tls.config();
    let next = authority.server();
    folder.write("server.pem", &next.certificate);
    let Outcome::Kept(why) = tls.reload() else {
        panic!("a certificate without its key is in force");
    };
    assert!(
        why.contains("server.key cannot be used: it is not the key of"),
        "{why}"
    );
    assert!(Arc::ptr_eq(&before, &tls.config()));
    assert!(tls.status().failure.is_some());
    folder.write("server.key", &next.key);
    assert_eq!(tls.poll(), Outcome::Settling);
    let Outcome::Replaced(change) = tls.poll() else {
        panic!("the new certificate is not in force");
    };
    assert!(change.starts_with("certificate "), "{change}");
    assert!(!Arc::ptr_eq(&before, &tls.config()));
    assert_eq!(tls.status().failure, None);
}

#[test]
fn no_part_of_a_damaged_key_is_shown() {
    let authority = Authority::new("ca");
    let server = authority.server();
    let folder = Folder::new(&server, Some(&authority.pem));
    let tls = folder.load(Some(true));
    let line = server.key.lines().nth(1).unwrap();
    for (name, content, expected) in [
        (
            "server.key",
            server.key.replace(line, &format!("-----{line}")),
            "no PEM file",
        ),
        (
            "server.key",
            server.key.replace(line, &format!("!{line}")),
            "no PEM file",
        ),
        ("server.key", server.key.replace("END", line), "no PEM file"),
        ("server.key", String::new(), "holds no private key"),
        (
            "server.key",
            server.certificate.clone(),
            "holds no private key",
        ),
        ("server.pem", server.key.clone(), "holds no certificate"),
        ("clients.pem", String::new(), "holds no certificate"),
    ] {
        folder.put(&server);
        folder.write("clients.pem", &authority.pem);
        assert_eq!(tls.reload(), Outcome::Unchanged);
        folder.write(name, &content);
        let Outcome::Kept(why) = tls.reload() else {
            panic!("a damaged {name} is in force");
        };
        assert!(why.contains(name) && why.contains(expected), "{why}");
        assert!(!why.contains(&line[..12]), "{why}");
    }
}

#[test]
fn a_valid_certificate_does_not_give_way_to_one_that_is_not() {
    let authority = Authority::new("ca");
    let folder = Folder::new(&authority.server_in(2020..2030), None);
    let clock = Arc::new(InYear(2025));
    let tls = ServerTls::load_at(folder.files(None), Protocols::Http2, clock).unwrap();
    assert!(tls.status().expires_in > 4 * 365 * 86_400);
    for years in [2000..2024, 2026..2040] {
        folder.put(&authority.server_in(years));
        let Outcome::Kept(why) = tls.reload() else {
            panic!("an invalid certificate is in force");
        };
        assert!(why.contains("it is not valid now"), "{why}");
    }
    folder.put(&authority.server_in(2020..2040));
    assert!(matches!(tls.reload(), Outcome::Replaced(_)));
}

#[test]
fn an_expired_certificate_is_served_rather_than_nothing() {
    let authority = Authority::new("ca");
    let folder = Folder::new(&authority.server_in(2020..2022), None);
    let clock = Arc::new(InYear(2025));
    let tls = ServerTls::load_at(folder.files(None), Protocols::Http2, clock).unwrap();
    assert!(tls.status().expires_in < 0);
    folder.put(&authority.server_in(2020..2023));
    assert!(matches!(tls.reload(), Outcome::Replaced(_)));
}
