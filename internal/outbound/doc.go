// Package outbound holds what everybody shares who calls somebody else's service (package channel and its providers, the
// client of CometChat's API, directories): an HTTP client with limits, how long a service asks us to wait, and how foreign
// text and errors are made fit to be shown.
package outbound
