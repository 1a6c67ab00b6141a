package api

import "strings"

// SourceMark is the value of the annotation Source on a Certificate that was made for source, a Kind/namespace/name.
// It names the Certificate too, so that a copy under another name or in another namespace is not taken for ours.
func SourceMark(source, namespace, name string) string {
	return source + "=" + namespace + "/" + name
}

// MarkedSource is the source that a SourceMark on the Certificate of this name tells, empty if it tells none.
func MarkedSource(mark, namespace, name string) string {
	source, certificate, _ := strings.Cut(mark, "=")
	if certificate != namespace+"/"+name {
		return ""
	}
	return source
}
