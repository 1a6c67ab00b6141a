// Package source says which Certificates an annotated Ingress, Gateway or ListenerSet asks for, and what is to be
// written so that they are there. It is pure: objects in, plans out.
//
// Controllers import it. It reads and writes nothing by itself.
package source
