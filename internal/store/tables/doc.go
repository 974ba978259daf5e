// Package tables is what the databases behind package store share: the statements on our tables, what they mean together, and
// the writer that puts writes which wait into one transaction (group commit).
//
// Statements are written once, in the SQL that SQLite and PostgreSQL have in common, with these words that each database
// puts into its own:
//
//	?             an argument
//	each(?)       the values of a list, an argument that is a []string or []int64: after IN, or after FROM with the column value
//	INDEXED BY    names the index, where the database cannot tell which is best
//	FOR UPDATE    locks the rows read, where others write at the same time; FOR SHARE keeps them from being changed
//
// What a database does in its own way it says in Options: connections and transactions, locks, how candidates are found, what
// an error means.
package tables
