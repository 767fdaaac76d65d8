/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of record_journey, found in the assembler's include path.
 */
    .macro file name, path
    .balign 16
    .global \name\()_begin
\name\()_begin:
    .incbin "\path"
    .global \name\()_end
\name\()_end:
    .byte 0
    .endm

    .section .rodata.journey.tutorial_model, "a"
    file tutorial_model, "tutorial.tflite"
    .section .rodata.journey.tutorial_recording, "a"
    file tutorial_recording, "tutorial.recording"
    .section .rodata.journey.vibration_model, "a"
    file vibration_model, "vibration.tflite"
    .section .rodata.journey.vibration_recording, "a"
    file vibration_recording, "vibration.recording"
