// Package postgres keeps events, alerts, deliveries and attempts in a PostgreSQL database, with River's jobs beside them. Any
// number of processes may work on one database at a time.
//
// What they share with SQLite is in package tables. What keeps them apart here: rows that are about to change are locked, and
// what a decision is made by (the recipient, claims, counters) is locked by name for as long as its transaction lasts, so
// that two replicas never both find a place free. Transactions that get in each other's way are tried again. In each process
// several writers group the writes that wait, those that lock names in one of their own.
package postgres
