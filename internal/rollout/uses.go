package rollout

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// MaxSecrets is how many Secrets of one workload are looked at: the first ones, in the order of their names.
const MaxSecrets = 100

// Uses lists the names of the Secrets whose content a pod reads, in order: those in volumes, and those in the
// environment of containers. Optional ones are among them. Secrets that the kubelet uses for the pod, such as
// those for pulling images, are not.
func Uses(pod *corev1.PodSpec) []string {
	var names []string
	for i := range pod.Volumes {
		names = append(names, usedByVolume(&pod.Volumes[i])...)
	}
	for _, containers := range [][]corev1.Container{pod.InitContainers, pod.Containers} {
		for i := range containers {
			names = append(names, usedByContainer(&containers[i])...)
		}
	}
	slices.Sort(names)
	// No Secret has a longer name, whatever a volume says.
	names = slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == "" || len(name) > 253 })
	return slices.Clip(names[:min(len(names), MaxSecrets)])
}

func usedByVolume(volume *corev1.Volume) []string {
	var names []string
	if volume.Secret != nil {
		names = append(names, volume.Secret.SecretName)
	}
	if volume.Projected != nil {
		for _, source := range volume.Projected.Sources {
			if source.Secret != nil {
				names = append(names, source.Secret.Name)
			}
		}
	}
	return names
}

func usedByContainer(container *corev1.Container) []string {
	var names []string
	for _, env := range container.Env {
		if env.ValueFrom != nil && env.ValueFrom.SecretKeyRef != nil {
			names = append(names, env.ValueFrom.SecretKeyRef.Name)
		}
	}
	for _, source := range container.EnvFrom {
		if source.SecretRef != nil {
			names = append(names, source.SecretRef.Name)
		}
	}
	return names
}

// Reduced is a pod that uses the same Secrets and holds nothing else.
func Reduced(pod *corev1.PodSpec) corev1.PodSpec {
	var reduced corev1.PodSpec
	for _, name := range Uses(pod) {
		reduced.Volumes = append(reduced.Volumes, corev1.Volume{
			VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: name}},
		})
	}
	return reduced
}
