//! What operators can ask of the original.

use super::Original;

impl Original {
    /// Switches an indexer on or off. Success says that the state was written, not
    /// that it has any effect in the phase it is in, nor that it stays.
    ///
    /// # Errors
    /// The registry or the store gave no usable answer, or the registry knows no
    /// such indexer; in the words of the answer.
    pub async fn switch(&self, account: &str, function: &str, on: bool) -> Result<(), String> {
        let found = self.read_entry(account, function).await;
        let found = found.map_err(|error| format!("INTERNAL: {error}"))?;
        if found.is_none() {
            return Err(format!("NOT_FOUND: {account}/{function}"));
        }
        let state = self.state(account, function).await;
        let mut state = state.map_err(|error| format!("INTERNAL: {error}"))?;
        state.enabled = on;
        let written = self.put(&state).await;
        written.map_err(|error| format!("INTERNAL: {error}"))
    }

    /// Every registered indexer, and whether it is switched on.
    ///
    /// # Errors
    /// One state cannot be read: the handler panics, and the client sees a broken
    /// stream.
    pub async fn list(&self) -> Result<Vec<(String, String, bool)>, String> {
        let mut listed = Vec::new();
        for (account, function) in self.list_all().await {
            let state = self.state(&account, &function).await;
            let state = state.map_err(|error| format!("the handler panicked: {error}"))?;
            listed.push((account, function, state.enabled));
        }
        Ok(listed)
    }
}
