//! Arguments of the form `name=value`.

use std::collections::BTreeMap;
use std::path::Path;

use weir_client::proto::{Header, HeaderPosition};

use super::files::read;
use crate::failure::Failure;

/// `k=v, k2=v2`
pub(super) fn tags(text: &str) -> Result<BTreeMap<String, String>, String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let pair = |part: &str| {
        let (key, value) = part.split_once('=').ok_or_else(|| format!("`{part}` has no `=`"))?;
        Ok((key.trim().to_owned(), value.trim().to_owned()))
    };
    parts.map(pair).collect()
}

/// `position=name=value`; an empty value deletes.
pub(super) fn header(text: &str) -> Result<Header, String> {
    let mut parts = text.splitn(3, '=');
    let (Some(position), Some(key), Some(val)) = (parts.next(), parts.next(), parts.next()) else {
        return Err("write `position=name=value`".into());
    };
    let position = match position {
        "request" => HeaderPosition::Request,
        "response" => HeaderPosition::Response,
        "both" => HeaderPosition::Both,
        other => return Err(format!("the position is request, response or both, not `{other}`")),
    };
    Ok(Header { position: position.into(), key: key.to_owned(), val: val.to_owned() })
}

/// `code=text` and `code=file://path`, the file being read here.
pub(super) fn answers(texts: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    texts.iter().map(|text| answer(text)).collect()
}

fn answer(text: &str) -> Result<(String, String), Failure> {
    let is_status = |code: &str| code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit());
    let pair = text.split_once('=').filter(|(code, _)| is_status(code));
    let (code, answer) = pair.ok_or_else(|| {
        Failure::Arguments(format!("an answer is `503=text` or `503=file://path`, not `{text}`"))
    })?;
    let answer = match answer.strip_prefix("file://") {
        Some(path) => read(Path::new(path))?,
        None => answer.to_owned(),
    };
    Ok((code.to_owned(), answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_pairs_between_commas() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let expected = [pair("a", "1"), pair("b", "c=d")].into();
        assert_eq!(tags("b=c=d, a = 1,"), Ok(expected));
        assert_eq!(tags("a"), Err("`a` has no `=`".into()));
    }

    #[test]
    fn a_header_has_three_parts() {
        let edit = header("both=X-A=b=c").expect("an edit");
        assert_eq!((edit.position(), &*edit.key, &*edit.val), (HeaderPosition::Both, "X-A", "b=c"));
        assert_eq!(header("request=X-A=").expect("an edit").val, "");
        assert!(header("never=a=b").is_err() && header("both=a").is_err());
    }

    #[test]
    fn an_answer_is_text_or_a_file() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "from a file").expect("written");
        let texts = ["404=gone=".to_owned(), format!("503=file://{}", file.path().display())];
        let found = answers(&texts).expect("answers");
        assert_eq!((&*found["404"], &*found["503"]), ("gone=", "from a file"));
        for bad in ["404", "40=a", "503=file:///nowhere/at/all"] {
            assert!(answers(&[bad.to_owned()]).is_err(), "{bad}");
        }
    }
}
