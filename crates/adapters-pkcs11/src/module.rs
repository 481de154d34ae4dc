//! A module: one library of the process, with the calls that are in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::session::Session;

use crate::error::{TokenError, describe};

/// How far apart a module is initialised anew: every session of the process ends by it.
const RESTART_PAUSE: Duration = Duration::from_secs(2);
/// How long the calls that are in a module have to come back before it is initialised anew.
const CALLS_END_WITHIN: Duration = Duration::from_secs(1);

/// A library of PKCS#11. It is loaded and initialised once in a process, and stays until the process ends.
pub(crate) struct Module {
    path: PathBuf,
    library: Pkcs11,
    gate: Mutex<Gate>,
    changed: Condvar,
}

/// Who is in the library. `C_Finalize` while another call is in it is undefined by the standard.
#[derive(Default)]
struct Gate {
    /// How often the library was initialised anew. What was opened before is gone, and its numbers may be given again.
    epoch: u64,
    calls: usize,
    is_restarting: bool,
    restarted_at: Option<Instant>,
}

/// The right to call into the library until it is dropped.
pub(crate) struct LibraryCall<'a> {
    module: &'a Module,
    /// Since when what is opened by this call is open.
    pub(crate) epoch: u64,
}

impl Module {
    /// The module of this path. It is loaded the first time.
    pub(crate) fn load(path: &Path) -> Result<Arc<Self>, TokenError> {
        static LOADED: Mutex<BTreeMap<PathBuf, Arc<Module>>> = Mutex::new(BTreeMap::new());
        // Another name of one library is not another module.
        let path = path.canonicalize().map_err(|error| TokenError::for_operator(format!("the file cannot be read: {error}")))?;
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = loaded.get(&path) {
            return Ok(Arc::clone(module));
        }
        let unusable = |error: &Error| TokenError::for_operator(format!("it cannot be used as a module: {}", describe(error)));
        let library = Pkcs11::new(&path).map_err(|error| unusable(&error))?;
        initialize(&library).map_err(|error| unusable(&error))?;
        let module = Arc::new(Self { path, library, gate: Mutex::default(), changed: Condvar::new() });
        loaded.insert(module.path.clone(), Arc::clone(&module));
        Ok(module)
    }

    /// Where its library is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Enters the library, once it is not being initialised anew.
    pub(crate) fn enter(&self) -> LibraryCall<'_> {
        let gate = self.gate();
        let mut gate = self.changed.wait_while(gate, |gate| gate.is_restarting).unwrap_or_else(PoisonError::into_inner);
        gate.calls += 1;
        LibraryCall { module: self, epoch: gate.epoch }
    }

    /// Closes a session, unless its library was initialised anew since: then it is closed, and its number may be another one's.
    pub(crate) fn close(&self, session: Session, epoch: u64) {
        let mut gate = self.gate();
        if gate.is_restarting || gate.epoch != epoch {
            return;
        }
        gate.calls += 1;
        drop(gate);
        let call = LibraryCall { module: self, epoch };
        // Of a token that is away a session cannot be closed, and has ended by itself.
        let _ = session.close();
        drop(call);
    }

    /// Initialises the library anew, unless that was done since `epoch`. Some modules see a token that has come back only then.
    pub(crate) fn restart(&self, epoch: u64) -> Result<(), TokenError> {
        let gate = self.gate();
        let mut gate = self.changed.wait_while(gate, |gate| gate.is_restarting).unwrap_or_else(PoisonError::into_inner);
        if gate.epoch != epoch {
            return Ok(());
        }
        if gate.restarted_at.is_some_and(|at| at.elapsed() < RESTART_PAUSE) {
            return Err(TokenError::may_pass("the module was initialised anew a moment ago"));
        }
        gate.is_restarting = true;
        let waited = self.changed.wait_timeout_while(gate, CALLS_END_WITHIN, |gate| gate.calls > 0);
        let (gate, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let is_empty = gate.calls == 0;
        drop(gate);
        let restarted =
            if is_empty { self.begin_anew() } else { Err(TokenError::may_pass("another call into the module hangs")) };
        let mut gate = self.gate();
        gate.is_restarting = false;
        if is_empty {
            gate.epoch += 1;
            gate.restarted_at = Some(Instant::now());
        }
        drop(gate);
        self.changed.notify_all();
        restarted
    }

    fn begin_anew(&self) -> Result<(), TokenError> {
        match self.library.clone().finalize() {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiNotInitialized, _)) => {}
            Err(error) => return Err(error.into()),
        }
        initialize(&self.library).map_err(TokenError::from)
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LibraryCall<'_> {
    pub(crate) fn library(&self) -> &Pkcs11 {
        &self.module.library
    }
}

impl Drop for LibraryCall<'_> {
    fn drop(&mut self) {
        self.module.gate().calls -= 1;
        self.module.changed.notify_all();
    }
}

fn initialize(library: &Pkcs11) -> Result<(), Error> {
    match library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        // Another library of this process uses the module too.
        Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
        initialized => initialized,
    }
}
