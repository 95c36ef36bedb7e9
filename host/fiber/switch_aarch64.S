// AAPCS64: x19 ... x30 and d8 ... d15 survive a call.
        .text

        // void tau_fiber_switch(void** from, void* to)
        .globl  tau_fiber_switch
        .hidden tau_fiber_switch
        .type   tau_fiber_switch, %function
        .p2align 4
tau_fiber_switch:
        .cfi_startproc
        stp     x29, x30, [sp, #-160]!
        .cfi_def_cfa_offset 160
        .cfi_offset x29, -160
        .cfi_offset x30, -152
        stp     x19, x20, [sp, #16]
        stp     x21, x22, [sp, #32]
        stp     x23, x24, [sp, #48]
        stp     x25, x26, [sp, #64]
        stp     x27, x28, [sp, #80]
        .cfi_offset x19, -144
        .cfi_offset x20, -136
        .cfi_offset x21, -128
        .cfi_offset x22, -120
        .cfi_offset x23, -112
        .cfi_offset x24, -104
        .cfi_offset x25, -96
        .cfi_offset x26, -88
        .cfi_offset x27, -80
        .cfi_offset x28, -72
        stp     d8, d9, [sp, #96]
        stp     d10, d11, [sp, #112]
        stp     d12, d13, [sp, #128]
        stp     d14, d15, [sp, #144]
        mov     x9, sp
        str     x9, [x0]
        mov     sp, x1
        ldp     d8, d9, [sp, #96]
        ldp     d10, d11, [sp, #112]
        ldp     d12, d13, [sp, #128]
        ldp     d14, d15, [sp, #144]
        ldp     x19, x20, [sp, #16]
        ldp     x21, x22, [sp, #32]
        ldp     x23, x24, [sp, #48]
        ldp     x25, x26, [sp, #64]
        ldp     x27, x28, [sp, #80]
        ldp     x29, x30, [sp], #160
        ret
        .cfi_endproc
        .size   tau_fiber_switch, . - tau_fiber_switch

        // void* tau_fiber_prepare(void* top, void (*entry)(void*), void* argument)
        // The first switch "returns" into tau_fiber_start with the entry in x19 and its argument in x20.
        .globl  tau_fiber_prepare
        .hidden tau_fiber_prepare
        .type   tau_fiber_prepare, %function
        .p2align 4
tau_fiber_prepare:
        .cfi_startproc
        sub     x0, x0, #160
        adrp    x9, tau_fiber_start
        add     x9, x9, :lo12:tau_fiber_start
        stp     xzr, x9, [x0]           // a frame pointer of zero: where walkers stop
        stp     x1, x2, [x0, #16]
        stp     xzr, xzr, [x0, #96]
        stp     xzr, xzr, [x0, #112]
        stp     xzr, xzr, [x0, #128]
        stp     xzr, xzr, [x0, #144]
        ret
        .cfi_endproc
        .size   tau_fiber_prepare, . - tau_fiber_prepare

        .type   tau_fiber_start, %function
        .p2align 4
tau_fiber_start:
        .cfi_startproc
        .cfi_undefined x30              // the outermost frame: nobody called it
        mov     x0, x20
        blr     x19
        brk     #0
        .cfi_endproc
        .size   tau_fiber_start, . - tau_fiber_start

        .section .note.GNU-stack, "", %progbits
