//! Making the carrier forget: texts, media, recordings and what was understood of them (FACTS 9).

use super::records::MediaList;
use super::{Client, Error, segment};
use serde::Deserialize;

/// One recording has one transcription, and more where somebody asked again; never so many pages.
const PAGES_MAX: usize = 20;

#[derive(Deserialize)]
struct Recording {
    subresource_uris: Option<Subresources>,
}

#[derive(Deserialize)]
struct Subresources {
    transcriptions: Option<String>,
}

#[derive(Deserialize)]
struct TranscriptionPage {
    transcriptions: Vec<Transcription>,
    next_page_uri: Option<String>,
}

#[derive(Deserialize)]
struct Transcription {
    sid: String,
    recording_sid: String,
}

impl Client {
    /// Makes the carrier forget what a message said.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the carrier knows none of that SID.
    pub async fn redact_message(&self, sid: &str) -> Result<(), Error> {
        let request = self
            .http()
            .post(self.compat(&format!("Messages/{}", segment(sid))))
            .form(&[("Body", "")]);
        self.send::<serde::de::IgnoredAny>(request, 15).await.map(|_| ())
    }

    /// Deletes the media of a message.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the carrier knows no message of that SID.
    pub async fn delete_media(&self, sid: &str) -> Result<(), Error> {
        let media = format!("Messages/{}/Media", segment(sid));
        let list: MediaList = self.send(self.http().get(self.compat(&media)), 10).await?;
        for item in list.media_list {
            let Some(item) = item.sid else {
                continue;
            };
            self.delete_if_there(&format!("{media}/{}", segment(&item)))
                .await?;
        }
        Ok(())
    }

    /// Deletes a recording.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the carrier knows none of that SID.
    pub async fn delete_recording(&self, sid: &str) -> Result<(), Error> {
        let request = self
            .http()
            .delete(self.compat(&format!("Recordings/{}", segment(sid))));
        self.send_for_bytes(request, 15).await.map(|_| ())
    }

    /// Deletes a transcription; one that is not there is deleted.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delete_transcription(&self, sid: &str) -> Result<(), Error> {
        self.delete_if_there(&format!("Transcriptions/{}", segment(sid)))
            .await
    }

    /// Deletes what was understood of a recording, which itself says where that is listed. To be called before the recording is
    /// deleted: afterwards nothing says so any more.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the carrier knows no recording of that SID.
    pub async fn delete_transcriptions(&self, recording_sid: &str) -> Result<(), Error> {
        let address = self.compat(&format!("Recordings/{}", segment(recording_sid)));
        let recording: Recording = self.send(self.http().get(address), 10).await?;
        let mut next = recording.subresource_uris.and_then(|uris| uris.transcriptions);
        let mut sids = Vec::new();
        for _ in 0..PAGES_MAX {
            let Some(uri) = next.filter(|uri| !uri.is_empty()) else {
                break;
            };
            let page: TranscriptionPage = self.send(self.http().get(self.follow(&uri)?), 15).await?;
            // a list that is not of this recording alone must not cost anybody else's
            let own = page
                .transcriptions
                .into_iter()
                .filter(|one| one.recording_sid == recording_sid);
            sids.extend(own.map(|one| one.sid));
            next = page.next_page_uri;
        }
        for sid in sids {
            self.delete_transcription(&sid).await?;
        }
        Ok(())
    }

    async fn delete_if_there(&self, path: &str) -> Result<(), Error> {
        match self
            .send_for_bytes(self.http().delete(self.compat(path)), 15)
            .await
        {
            Ok(_) | Err(Error::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
