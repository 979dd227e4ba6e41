//! Bodies of answers, bounded: nobody's announced length is believed, and nothing grows without end.

use zeroize::Zeroizing;

use super::fault::causes;
use crate::failpoint;

/// A body longer than this is nobody's whom we ask; reading stops there.
const LONGEST_BODY: usize = 4 << 20;

/// The body of an answer. Zeroized, because it may hold a password or a token.
///
/// # Errors
/// It was cut short, or is too long; the words say which.
pub(crate) async fn bounded_body(mut response: reqwest::Response) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut body = Zeroizing::new(Vec::new());
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > LONGEST_BODY => {
                return Err("the answer is too long to be Microsoft's".to_owned());
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => {
                failpoint::panic_with("body", &body);
                return Ok(body);
            }
            Err(error) => return Err(format!("the answer was cut short ({})", causes(&error))),
        }
    }
}
