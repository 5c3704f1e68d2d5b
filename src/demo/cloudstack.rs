//! A simulated CloudStack that speaks the documented API on a real socket.
