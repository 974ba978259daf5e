// Package sqlite keeps events, alerts, deliveries and attempts in one SQLite file, with River's jobs beside them.
//
// One process writes: it holds an exclusive lock on <path>.lock for as long as the store is open. Inside it all writes go
// through one goroutine that puts what is waiting into one transaction (group commit), because a transaction of its own
// costs every write a sync of the disk. Lists and gets have read-only connections of their own and never wait for it.
//
// The file is in WAL mode with synchronous=FULL, so what was committed survives a power cut, and with secure_delete, so
// what was deleted cannot be read back from the file. Times are kept, and come back, in UTC microseconds.
package sqlite
