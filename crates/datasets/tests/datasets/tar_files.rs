//! The tar reader against the `tar` crate, and against damaged archives.

use datasets::tar::{TarFault, TarReader};
use proptest::prelude::*;

use crate::mutations;

/// An archive in GNU's or in the ustar format.
pub(crate) fn archive(files: &[(&str, Vec<u8>)], gnu: bool) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = if gnu { tar::Header::new_gnu() } else { tar::Header::new_ustar() };
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, &bytes[..]).unwrap();
    }
    builder.into_inner().unwrap()
}

/// All files of an archive, each of at most 1 MiB.
fn files(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, TarFault> {
    let mut reader = TarReader::new(bytes);
    let mut files = Vec::new();
    while let Some(file) = reader.next_file()? {
        let content = reader.read(1 << 20)?;
        assert_eq!(content.len() as u64, file.size);
        files.push((file.name, content));
    }
    Ok(files)
}

fn names_and_sizes(gnu: bool) -> impl Strategy<Value = Vec<(String, usize)>> {
    let name = if gnu { "[a-z]{1,9}(/[a-z]{1,90}){0,3}" } else { "[a-z]{1,40}(/[a-z]{1,50}){0,2}" };
    prop::collection::vec((name, 0usize..1600), 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn what_the_tar_crate_writes_is_read_back(
        (gnu, files_in) in any::<bool>().prop_flat_map(|gnu| (Just(gnu), names_and_sizes(gnu))),
    ) {
        let content = |size: usize| (0..size).map(|at| (at % 251) as u8).collect::<Vec<_>>();
        let written: Vec<_> = files_in.iter().map(|(name, size)| (name.as_str(), content(*size))).collect();
        let found = files(&archive(&written, gnu)).unwrap();
        let expected: Vec<_> = written.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.clone())).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn damaged_archives_never_panic_and_give_no_more_than_they_hold(
        bytes in Just(archive(&[("a/1.jpg", vec![7; 700]), ("a/1.cls", b"3".to_vec()), ("b", vec![])], true))
            .prop_flat_map(mutations),
    ) {
        if let Ok(files) = files(&bytes) {
            prop_assert!(files.iter().map(|(_, content)| content.len()).sum::<usize>() <= bytes.len());
        }
    }
}

#[test]
fn long_names_of_both_formats_are_put_together() {
    let long = format!("folder/{}/{}.jpg", "n".repeat(90), "m".repeat(60));
    for gnu in [true, false] {
        let found = files(&archive(&[(&long, b"x".to_vec()), ("short", vec![])], gnu)).unwrap();
        assert_eq!(found, [(long.clone(), b"x".to_vec()), ("short".to_owned(), vec![])]);
    }
}

#[test]
fn a_pax_path_replaces_the_name() {
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_pax_extensions([("path", "ein/langer/pfad.png".as_bytes())]).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_size(3);
    builder.append_data(&mut header, "x", &b"abc"[..]).unwrap();
    let found = files(&builder.into_inner().unwrap()).unwrap();
    assert_eq!(found, [("ein/langer/pfad.png".to_owned(), b"abc".to_vec())]);
}

#[test]
fn folders_and_links_are_passed_over() {
    let mut builder = tar::Builder::new(Vec::new());
    for kind in [tar::EntryType::Directory, tar::EntryType::Symlink] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        header.set_path("elsewhere").unwrap();
        header.set_cksum();
        builder.append(&header, &[][..]).unwrap();
    }
    let mut header = tar::Header::new_gnu();
    header.set_size(1);
    builder.append_data(&mut header, "file", &b"1"[..]).unwrap();
    assert_eq!(
        files(&builder.into_inner().unwrap()).unwrap(),
        [("file".to_owned(), b"1".to_vec())]
    );
}

#[test]
fn a_file_larger_than_asked_for_is_refused_unread() {
    let bytes = archive(&[("large", vec![0; 2000])], true);
    let mut reader = TarReader::new(&bytes[..]);
    reader.next_file().unwrap().unwrap();
    assert_eq!(
        reader.read(1999).unwrap_err().to_string(),
        "holds a file of 2000 bytes, more than the 1999 that this reader accepts"
    );
}

#[test]
fn an_archive_cut_off_says_so() {
    let bytes = archive(&[("a", vec![1; 600])], true);
    for length in [1, 511, 513, 1000, 1500] {
        let fault = files(&bytes[..length]).unwrap_err().to_string();
        assert_eq!(fault, "ends in the middle of a file", "{length}");
    }
    let fault = files(&[b'x'; 1024]).unwrap_err().to_string();
    assert_eq!(fault, "has a header whose checksum is wrong: it is no tar file, or damaged");
}
