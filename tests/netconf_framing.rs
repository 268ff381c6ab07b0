//! Framing of RFC 6242: whatever the pieces in which bytes come, the messages are the same.

mod netconf_support;

use fleetbridge::netconf::framing::{Decoder, Frame, Framing, FramingError};
use netconf_support::*;
use proptest::prelude::*;

fn decode(decoder: &mut Decoder, pieces: &[&[u8]]) -> Result<Vec<Frame>, FramingError> {
    let mut frames = Vec::new();
    for mut piece in pieces.iter().copied() {
        while let Some(frame) = decoder.decode(&mut piece)? {
            frames.push(frame);
        }
        assert!(piece.is_empty(), "all is taken");
    }
    Ok(frames)
}

fn decoder(framing: Framing, limit: usize) -> Decoder {
    let mut decoder = Decoder::new(limit);
    decoder.negotiated(framing, limit);
    decoder
}

/// Cuts at the given places.
fn cut<'a>(bytes: &'a [u8], places: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
    places.sort_unstable();
    let mut from = 0;
    let mut pieces = Vec::new();
    for place in places.into_iter().chain([bytes.len()]) {
        pieces.push(&bytes[from..place]);
        from = place;
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn pieces_make_no_difference(
        // Much that looks like a delimiter.
        messages in prop::collection::vec("[\\]>#\n0-9a]{0,40}", 0..6),
        sizes in prop::collection::vec(1usize..20, 0..8),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut bytes = Vec::new();
        let mut sent = Vec::new();
        for message in messages.iter().filter(|message| !message.is_empty()) {
            bytes.extend(chunked(message, &sizes));
            sent.push(Frame::Message(message.clone().into_bytes()));
        }
        prop_assert_eq!(decode(&mut decoder(Framing::Chunked, 1000), &cut(&bytes, &places)), Ok(sent));

        // The first delimiter ends a message, wherever it came from.
        let text: String = messages.iter().map(|message| format!("{message}]]>]]>")).collect();
        let mut sent: Vec<_> = text.split("]]>]]>").map(|message| Frame::Message(message.as_bytes().to_vec())).collect();
        sent.pop();
        prop_assert_eq!(decode(&mut decoder(Framing::EndOfMessage, 1000), &cut(text.as_bytes(), &places)), Ok(sent));
    }

    #[test]
    fn the_limit_is_exact(
        length in 1usize..60,
        limit in 1usize..60,
        sizes in prop::collection::vec(1usize..20, 0..8),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let message = "]".repeat(length - 1) + "x";
        for (framing, bytes) in [
            (Framing::EndOfMessage, end_of_message(&message)),
            (Framing::Chunked, chunked(&message, &sizes)),
        ] {
            let mut decoder = decoder(framing, limit);
            for _ in 0..2 {
                let frames = decode(&mut decoder, &cut(&bytes, &places)).unwrap();
                prop_assert_eq!(frames.len(), 1);
                match &frames[0] {
                    Frame::Message(read) => prop_assert!(length <= limit && *read == message.as_bytes()),
                    Frame::TooBig(head) => {
                        prop_assert!(length > limit && head.len() <= limit);
                        prop_assert!(message.as_bytes().starts_with(head));
                    }
                }
            }
        }
    }
}

/// A delimiter is looked for once in each byte: a long message that comes byte by byte takes no longer than in one piece.
#[test]
fn a_slow_drip_is_not_quadratic() {
    let message = "]]>]]".repeat(800_000) + "]]>]]>";
    let begun = std::time::Instant::now();
    let mut decoder = decoder(Framing::EndOfMessage, 64 << 20);
    let pieces: Vec<&[u8]> = message.as_bytes().chunks(1).collect();
    assert_eq!(decode(&mut decoder, &pieces).unwrap().len(), 1);
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
}
