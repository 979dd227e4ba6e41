//! Reads the bodies of answers, up to a limit, whatever length an answer announces.

use zeroize::Zeroizing;

use super::fault::causes;
use tenantry_model::failpoint;

/// No service that we call sends a longer body; reading stops there.
const LONGEST_BODY: usize = 4 << 20;

/// Reads the body of an answer. Zeroized, because it may contain a password or a token.
///
/// # Errors
/// The body was cut short, or is too long; the text says which.
pub async fn bounded_body(mut response: reqwest::Response) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut body = Zeroizing::new(Vec::new());
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > LONGEST_BODY => {
                return Err("the answer is too long to be Microsoft's".to_owned());
            }
            Ok(Some(chunk)) => append(&mut body, &chunk),
            Ok(None) => {
                failpoint::panic_with("body", &body);
                return Ok(body);
            }
            Err(error) => return Err(format!("the answer was cut short ({})", causes(&error))),
        }
    }
}

/// A body may begin with a byte order mark (fact book 3.4).
pub(crate) fn without_bom(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)
}

/// A vector that grows by itself leaves its old content in memory. Here the old vector is wiped when it is dropped.
fn append(body: &mut Zeroizing<Vec<u8>>, chunk: &[u8]) {
    let length = body.len() + chunk.len();
    if length > body.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(length.max(2 * body.capacity())));
        larger.extend_from_slice(body);
        *body = larger;
    }
    body.extend_from_slice(chunk);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_length_make_the_whole() {
        let whole: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        for length in [1, 7, 64, 4096, 10_000] {
            let mut body = Zeroizing::new(Vec::new());
            whole.chunks(length).for_each(|chunk| append(&mut body, chunk));
            assert_eq!(*body, whole, "{length}");
        }
    }
}
