// Package image makes container images without a container tool: from a Dockerfile, whose steps it takes itself, and from
// single programs. It knows the few instructions that this repository's Dockerfile has, and refuses others.
//
// Only the cluster test imports it.
package image
