// Package api holds the names of the API: the groups, and every annotation, label and finalizer key made
// from them. The group is a start-up parameter, so no other package writes a group or a key as a literal:
// main.go makes one [Names] value and hands it down. The kinds live in the folders below.
//
// It is layer 0: every package may import it, and it imports the standard library and apimachinery only.
// It must not know about clients, controllers or any kind's fields.
package api
